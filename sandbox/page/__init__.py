"""The page: a Slack-like workspace and a view of the Mailchimp audiences in the browser, made with NiceGUI.

site.create_app(town)   the application
desk                    one person at one browser tab, and the panes around it
blocks, elements        Block Kit as HTML elements
mailchimp_view          audiences, members, tags, and a panel to make trouble
"""
