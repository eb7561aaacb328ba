import cProfile, pstats, time
from datetime import timedelta
import pytest
from incidents.alerts import services as alerts
from incidents.paging import services
from tests import factories
from tests.factories import NOW
def test_prof(world):
    s=[factories.make_service(world.organisation) for _ in range(40)]
    for x in s: factories.make_finding(x)
    c=time.process_time(); t=time.perf_counter()
    alerts.pull_findings(now=NOW)
    print("open 40: cpu", time.process_time()-c, "wall", time.perf_counter()-t)
    pr=cProfile.Profile()
    c=time.process_time(); t=time.perf_counter()
    pr.enable(); n=services.deliver_due(now=NOW); pr.disable()
    print("deliver", n, "cpu", time.process_time()-c, "wall", time.perf_counter()-t)
    pstats.Stats(pr).sort_stats("cumulative").print_stats(22)
    for f in (alerts.pull_findings, services.escalate_due, services.deliver_due, services.audit_pages):
        c=time.process_time()
        for _ in range(100): f(now=NOW+timedelta(seconds=2))
        print(f.__name__, "cpu ms", (time.process_time()-c)*10)
