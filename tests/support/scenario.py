"""The reference scenario: the policies of its steps, the lines of the client log. For quickstart and test."""
import re

LOG_AS = "stAgentSvc"  # the program name that parsers of client logs know
LINE = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3} stAgentSvc p[0-9a-f]+ t[0-9a-f]+ info [\w./]+:\d+ (.+)")
BYPASSING = "BypassAppMgr Bypassing connection from process: {process}, host: {host}"
TUNNELING = "BypassAppMgr Bypassing connection by tunneling from process: {process}, host: {host}"

_EXCEPTION = """
  exceptions:
  - name: Dropbox
    certificate_pinned_app: {{app: Dropbox, action: bypass, mode: {mode}}}"""

_BLOCK = """
ssl_decryption_policies:
- {name: Do not decrypt Dropbox, match: {domains: [dropbox.com, dropboxapi.com]}, action: do_not_decrypt}
url_lists:
- {name: dropbox-urls, type: exact, urls: [dropbox.com, dropboxapi.com]}
custom_categories:
- {name: Blocked apps, include_url_lists: [dropbox-urls]}
realtime_policies:
- {name: Block apps, match: {categories: [Blocked apps]}, action: block}
"""


def policy(tenant="acme", bypass_at="client", mode="direct", bypassed_traffic="log", blocked=False,
           web_ports=(443, 80)):
    """The tenant's policy of one step. `blocked`: Dropbox is no exception any more, and a rule blocks it by name."""
    exception = "" if blocked else _EXCEPTION.format(mode=mode)
    return f"""tenant: {tenant}
bypassed_traffic: {bypassed_traffic}
steering_configurations:
- name: default
  traffic: web
  web_ports: [{', '.join(map(str, web_ports))}]
  bypass_exceptions_at: {bypass_at}
  fail: closed{exception}
{_BLOCK if blocked else ""}"""
