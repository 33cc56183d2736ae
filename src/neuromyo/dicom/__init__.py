"""Scanner files: read behind a careful door, understood whoever wrote them, stripped of the patient."""
