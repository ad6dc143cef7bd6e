"""A local Slack: strict and stateful where a bot depends on it.

``create_app(Workspace())`` serves Slack's Web API, Socket Mode and files, the endpoints through which a person's client
acts (``/client/…``) and switches (``/control/…``). Each rule cites its fact: "Slack: …" is Slack's documentation,
"observed" is what people report of the real service.
"""
