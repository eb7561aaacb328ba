"""Where readings come from.

base.py Reading, Source, SourceUnavailable · scrape.py /metrics of probes · prometheus.py a Prometheus server ·
recorded.py readings played back, and sources that live in this process
"""
