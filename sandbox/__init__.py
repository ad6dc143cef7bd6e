"""The outside world on one machine: a local Slack, a local Mailchimp and a page to try Postino in.

An island: it imports nothing of the product and talks to it only by HTTP and WebSocket.
"""
