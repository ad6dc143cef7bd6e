"""How fast and how large an export is, and what becomes of people under faults, beside what others do.

``make bench`` measures the shipped command line, a process of its own, against the local Mailchimp, another one. Times and
memory are the operating system's accounting of the whole process tree; everything about calls is read from the local
Mailchimp's request log.
"""
