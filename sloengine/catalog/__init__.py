"""Services, deployments and changes.

models.py Service, Deployment, Change · discovery.py reads them off labels (pure) · services.py writes them · queries.py
"""
