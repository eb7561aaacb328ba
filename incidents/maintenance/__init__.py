"""Maintenance: planned ahead, once or recurring, announced; what is open at its end notifies. The windows are alerts/maintenance.py."""
