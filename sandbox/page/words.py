"""The few words of Slack's own client that stand between those of the app, in the person's language."""

from __future__ import annotations

from sandbox.slack.values import User

ITALIAN = {
    "(optional)": "(facoltativo)",
    "Only visible to you": "Visibile solo a te",
    "(edited)": "(modificato)",
    "replied to": "ha risposto a",
    "a thread": "un thread",
    "1 reply": "1 risposta",
    "replies": "risposte",
    "EEEE, d MMMM y": "EEEE d MMMM y",
    "Today": "Oggi",
    "Yesterday": "Ieri",
    "Earlier messages": "Messaggi precedenti",
    "Nothing has been said here yet.": "Qui nessuno ha ancora scritto.",
    "You are not a member of this channel.": "Non fai parte di questo canale.",
    "Sending messages to this app has been turned off.": "L'invio di messaggi a questa app è disattivato.",
    "members": "membri",
    "Message": "Scrivi a",
    "Reply…": "Rispondi…",
    "Workflows": "Flussi di lavoro",
    "Start": "Avvia",
    "Download": "Scarica",
    "Cancel": "Annulla",
    "Close": "Chiudi",
    "Messages": "Messaggi",
    "About": "Informazioni",
    "Channels": "Canali",
    "Direct messages": "Messaggi diretti",
    "Nobody has written yet": "Nessuno ha ancora scritto",
    "Apps": "App",
    "Look through the eyes of": "Guarda con gli occhi di",
    "Owner": "Titolare",
    "Admin": "Amministratore",
    "Member": "Membro",
    "Guest": "Ospite",
    "Stranger": "Esterno",
    "Select an option": "Scegli un'opzione",
    "Select options": "Scegli le opzioni",
    "No results": "Nessun risultato",
    "Type at least": "Per cercare digita almeno",
    "characters to search": "caratteri",
    "Please complete this required field.": "Compila questo campo obbligatorio.",
    "Please enter a valid number.": "Inserisci un numero valido.",
}


def word(user: User, english: str) -> str:
    """As the client of that person says it."""
    return ITALIAN.get(english, english) if user.locale.startswith("it") else english
