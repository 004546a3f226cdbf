"""The quickstart: steps.py does the work, report.py prints."""
