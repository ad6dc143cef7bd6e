"""Mailchimp, the mailing service. The only package that speaks its HTTP.

``Mailchimp`` is the service itself, ``Pacers`` keeps one pace per account, ``oauth`` signs people in, ``hosts`` says
where a credential may go.
"""

from services.mailchimp.client import EXPORT, INTERACTIVE, Patience
from services.mailchimp.pacing import AccountPacer, Pacers
from services.mailchimp.service import Mailchimp

__all__ = ["EXPORT", "INTERACTIVE", "AccountPacer", "Mailchimp", "Pacers", "Patience"]
