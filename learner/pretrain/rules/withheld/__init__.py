"""Rules of the families that a model must meet unprepared: measured with, never demonstrated.

Invariant: nothing outside this folder knows what these rules know, and deleting the folder leaves
every demonstration byte-equal (a test deletes it).
"""
