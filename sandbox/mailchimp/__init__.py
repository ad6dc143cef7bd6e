"""A local Mailchimp: a strict, stateful double of the Marketing API 3.0 and its OAuth, spoken over real HTTP.

It follows what Mailchimp really answers where that differs from its published specification. A reaction nobody has
confirmed is a switch (``switches.py``) with the fact and the default beside it. Everything is kept in memory.

    app.create_app(world)      the Starlette application
    state.World                all there is: accounts, audiences, switches, faults, the call log
    crowds                     millions of generated members at some bytes each
    acts                       what people do in Mailchimp itself: join, unsubscribe, archive, tag
    control                    the same and more over HTTP, under ``/_control``
    python -m sandbox.mailchimp --port 8090

Three things differ from Mailchimp on purpose: it speaks plain HTTP on this machine, every data centre is this one
address, and example.com addresses are taken (Mailchimp calls them fake; here those under ``.invalid`` are).
Not there: campaigns, interests, batches, exports, webhooks; they answer 404.

The ``Date`` header comes from the world's clock, so the server must not add its own: uvicorn needs
``date_header=False``.
"""
