"""Resumable uploads by the tus protocol 1.0.

`protocol` reads headers, `leases` decides who may append, `appending` writes the body while it comes,
`finishing` makes the whole file a job, `janitor` removes what was left behind.
"""
