"""The page's look: one column, system fonts, twelve colours that hold in light and dark."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fff; --ink: #1c2126; --soft: #5a6570; --line: #dfe4e8; --box: #f4f6f8;
  --good: #0b7285; --bad: #c92a2a; --note: #8a5a00;
  --c0: #0b7285; --c1: #c2255c; --c2: #5f3dc4; --c3: #b35c00; --c4: #2b8a3e; --c5: #5a6570;
  --c6: #1864ab; --c7: #862e9c; --c8: #795548; --c9: #d6336c; --c10: #5c940d; --c11: #e03131; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #15191d; --ink: #e6eaed; --soft: #9aa5af; --line: #323a42; --box: #1d2329;
  --good: #3bc9db; --bad: #ff8787; --note: #ffc078;
  --c0: #3bc9db; --c1: #f783ac; --c2: #b197fc; --c3: #ffa94d; --c4: #69db7c; --c5: #9aa5af;
  --c6: #74c0fc; --c7: #da77f2; --c8: #bcaaa4; --c9: #faa2c1; --c10: #c0eb75; --c11: #ff6b6b; } }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 760px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 44px 0 8px; font-size: 1.2rem; }
h3 { margin: 20px 0 4px; font-size: 1rem; }
header p, .why, footer p { color: var(--soft); margin: 4px 0 12px; font-size: .9rem; }
.box { margin: 12px 0; padding: 10px 14px; background: var(--box);
  border-left: 4px solid var(--soft); border-radius: 4px; }
.good { border-color: var(--good); }
.bad { border-color: var(--bad); }
.note { border-color: var(--note); }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
.wide, .chart { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; margin: 8px 0;
  font-variant-numeric: tabular-nums; }
th, td { padding: 5px 0 5px 12px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; cursor: help; }
tbody th { text-align: left; font-weight: 500; padding-left: 0; }
.name { display: inline-block; max-width: 16em; overflow: hidden; text-overflow: ellipsis;
  vertical-align: bottom; }
.part { padding-left: 16px; color: var(--soft); font-weight: 400; }
svg { display: block; width: 100%; font: 14px system-ui, sans-serif; }
svg text { fill: var(--ink); }
svg .tick { fill: var(--soft); font-size: 13px; }
svg .grid { stroke: var(--line); }
svg .zero { stroke: var(--soft); }
svg .hit { fill: transparent; }
svg .outer { stroke: var(--c); stroke-width: 2; opacity: .55; }
svg .inner { stroke: var(--c); stroke-width: 6; stroke-linecap: round; opacity: .45; }
svg circle { fill: var(--c); }
svg polyline { fill: none; stroke: var(--c); stroke-width: 2.5; stroke-linejoin: round; }
svg .lead { stroke: var(--c); }
svg .dot { opacity: 0; }
svg .dot:hover { opacity: 1; }
svg text.name { fill: var(--c); font-weight: 600; }
.bars { font-size: .9rem; margin: 4px 0 16px; font-variant-numeric: tabular-nums; }
.bars > div { display: grid; grid-template-columns: 8.5em 1fr 9em; gap: 10px; align-items: center; }
.bars i { display: block; height: 14px; background: var(--c); border-radius: 0 3px 3px 0; }
.bars i:not([style="width:0.0%"]) { min-width: 2px; }
dl { font-size: .9rem; }
dt { font-weight: 600; margin-top: 8px; }
dd { margin: 0; color: var(--soft); }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); }
.c3 { --c: var(--c3); } .c4 { --c: var(--c4); } .c5 { --c: var(--c5); }
.c6 { --c: var(--c6); } .c7 { --c: var(--c7); } .c8 { --c: var(--c8); }
.c9 { --c: var(--c9); } .c10 { --c: var(--c10); } .c11 { --c: var(--c11); }
th:first-child { position: sticky; left: 0; background: var(--paper); }
@media (max-width: 600px) {
  .name { max-width: 9em; }
  .bars > div { grid-template-columns: 7.5em 1fr 6em; gap: 6px; }
  svg, svg .tick { font-size: 24px; } }
@media print { .wide, .chart { overflow: visible; } section { break-inside: avoid; } }
"""
