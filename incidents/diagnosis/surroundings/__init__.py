"""What is known of services beside their series: Findings, changes, versions, incidents elsewhere (shell)."""
