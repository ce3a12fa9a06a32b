# SPDX-License-Identifier: Apache-2.0
"""The page that `report.markdown` fills in. Only what is put in by the node is filled in.

Rules: ND69.
"""

from string import Template
from typing import Final

PAGE: Final = Template("""\
<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root {
  --ink: #1f2328; --faint: #59636e; --line: #d8dee4; --page: #ffffff; --soft: #f6f8fa;
  --link: #0b5cad; color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --faint: #9aa4af; --line: #3a424c; --page: #15191f; --soft: #1f252d;
    --link: #79b8ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); overflow-wrap: break-word;
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 48rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.75rem; }
header h1 { font-size: 2rem; margin: 0 0 .9rem; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 2rem 0 .75rem; text-wrap: balance; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.4rem; } h3 { font-size: 1.15rem; }
h4, h5, h6 { font-size: 1rem; }
p, ul, ol, blockquote, pre, table { margin: 0 0 1rem; }
ul, ol { padding-left: 1.5rem; } li { margin: .2rem 0; }
a { color: var(--link); }
img {
  display: block; max-width: 100%; height: auto; margin: 1.5rem auto; background: #ffffff;
  border: 1px solid var(--line); border-radius: .5rem; padding: .75rem;
}
table {
  display: block; width: max-content; max-width: 100%; overflow-x: auto;
  border-collapse: collapse; font-variant-numeric: tabular-nums;
}
th, td { padding: .45rem .8rem; border-bottom: 1px solid var(--line); text-align: left; }
th { border-bottom-width: 2px; font-weight: 600; }
tbody tr:nth-child(even) { background: var(--soft); }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875em; }
code { background: var(--soft); border-radius: .25rem; padding: .1em .35em; }
pre { background: var(--soft); border-radius: .5rem; padding: 1rem; overflow-x: auto; }
pre code { background: none; padding: 0; font-size: 1em; }
blockquote { border-left: .25rem solid var(--line); padding-left: 1rem; color: var(--faint); }
blockquote p:last-child { margin-bottom: 0; }
hr { border: 0; border-top: 1px solid var(--line); margin: 2rem 0; }
@media (max-width: 30rem) {
  main { padding: 1.5rem 1rem 3rem; }
  header h1 { font-size: 1.6rem; }
  img { padding: .25rem; }
}
@media print {
  :root {
    --ink: #000000; --faint: #444444; --line: #bbbbbb; --page: #ffffff; --soft: #f4f4f4;
    --link: #000000; color-scheme: light;
  }
  @page { margin: 18mm; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  table { display: table; width: auto; }
  pre { white-space: pre-wrap; }
  img, pre, tr, blockquote { break-inside: avoid; }
  h1, h2, h3, h4 { break-after: avoid; }
}
</style>
</head>
<body>
<main>
<header><h1>$title</h1></header>
$body
</main>
</body>
</html>
""")
