"""Identification of the singers of recordings, calibration, enrolment, nearest neighbours."""
