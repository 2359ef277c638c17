"""The words of mails that the realm sends, where Keycloak's own say the wrong thing."""

# Keycloak sends the mail for a forgotten password as an administrator's order; here people ask.
MAIL_TEXTS = {
    "executeActionsSubject": "The link for your EvenToNight account",
    "executeActionsBody": (
        "Somebody asked for this link with your address, for: {3}.\n\n{0}\n\n"
        "It works once, within {4}. Was it not you? Then ignore this mail; nothing changes."
    ),
    "executeActionsBodyHtml": (
        "<p>Somebody asked for this link with your address, for: {3}.</p>"
        '<p><a href="{0}">Go on</a></p>'
        "<p>It works once, within {4}. Was it not you? Then ignore this mail; nothing changes.</p>"
    ),
}
MAIL_LOCALE = "en"
