import time
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from sloengine.budgets.services import evaluate_due
from sloengine.budgets.models import *
from tests.sloengine.budgets.world import *
from tests.sloengine.readings import HISTOGRAMS, BOUNDS
pytestmark = pytest.mark.django_db(transaction=True)
def test_perf():
    w=World(); w.replicas=[Replica(f"{s}-{i}",service=s,histograms=HISTOGRAMS) for s in ("chat","code","batch") for i in range(3)]
    for r in w.replicas: r.serve(10)
    w.tick(evaluate=False); w.apply_library()
    total=0;n=0; tc=0
    for k in range(200):
        for r in w.replicas: r.serve(30, seconds=0.05)
        t0=time.process_time(); w.tick(evaluate=False); tc+=time.process_time()-t0
        if k==150:
            with CaptureQueriesContext(connection) as q: evaluate_due(now=w.now)
            for x in q.captured_queries: print(x["time"], x["sql"][:150])
            continue
        t=time.process_time(); evaluate_due(now=w.now); total+=time.process_time()-t; n+=1
    print("evaluate ms", total/n*1000, "collect ms", tc/200*1000)
    import cProfile,pstats
    p=cProfile.Profile(time.process_time)
    for k in range(40):
        for r in w.replicas: r.serve(30, seconds=0.05)
        w.tick(evaluate=False); p.enable(); evaluate_due(now=w.now); p.disable()
    pstats.Stats(p).sort_stats("tottime").print_stats(30)
    t=time.process_time(); evaluate_due(now=w.now); print("idle ms",(time.process_time()-t)*1000)
