"""
Channels: how a message reaches somebody, a file for each kind.

They may import what `_alerts` may. Begin with `courier`, which knows them all and one HTTP session;
`command` runs a command, `webhook` posts what is signed, `slack` posts in Slack's form, and
`posting` is what the last two share.
"""
