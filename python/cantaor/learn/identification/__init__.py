"""Who sings: answers for recordings, calibration, enrolment, nearest neighbours."""
