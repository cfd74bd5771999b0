"""How the redline's page looks, in light and dark. Every pair of colours has a contrast of 4.5:1 at least."""

STYLE = """
:root{color-scheme:light dark;
--ink:#1b1b1b;--paper:#ffffff;--quiet:#4a4a4a;--rule:#757575;--link:#0b4a8f;
--ins:#0a4d1c;--ins-paper:#dff3e3;--del:#7d1212;--del-paper:#fbe3e1;--mark-ink:#1b1b1b;--mark-paper:#ececec}
@media (prefers-color-scheme:dark){:root{
--ink:#ececec;--paper:#121212;--quiet:#bdbdbd;--rule:#8f8f8f;--link:#9cc7ff;
--ins:#a6efb5;--ins-paper:#10341a;--del:#ffb8b0;--del-paper:#441512;--mark-ink:#ececec;--mark-paper:#2e2e2e}}
body{margin:0 auto;max-width:52rem;padding:1rem;color:var(--ink);background:var(--paper);
font:1rem/1.6 system-ui,sans-serif}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-100vw;padding:.5rem 1rem;color:var(--link);background:var(--paper)}
.skip:focus{left:1rem;top:1rem}
.unseen{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap;
user-select:none}
h1{font-size:1.6rem;line-height:1.25}
h2{margin-top:2.5rem;border-bottom:1px solid var(--rule)}
h3{margin:2rem 0 .25rem}
.kind{padding:0 .5em;border:1px solid var(--rule);border-radius:.25em;font-size:.8em;font-weight:normal;
color:var(--mark-ink);background:var(--mark-paper)}
.note,footer{color:var(--quiet)}
.text{white-space:pre-wrap;overflow-wrap:anywhere}
.text>*{unicode-bidi:isolate}
ins{color:var(--ins);background:var(--ins-paper);text-decoration:underline 2px}
del{color:var(--del);background:var(--del-paper);text-decoration:line-through 2px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
caption{text-align:left;font-weight:bold;padding:.5rem 0}
th,td{border:1px solid var(--rule);padding:.3rem .6rem;text-align:left;vertical-align:top}
code{font-size:.9em}
@media print{.skip,nav{display:none}}
"""
