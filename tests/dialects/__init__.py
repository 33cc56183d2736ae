"""Scanner files as the vendors write them, made from arrays: the truth that import is judged by.

Written from the DICOM standard, the vendors' conformance statements and public notes, never from our own reader: nothing of
neuromyo is imported here. Voxels go in as the integers a scanner stores; `Scan` says where they lie and how they were
acquired, each vendor's file writes that in its own tongue.
"""
