/** The page's looks: light and dark by the system's choice, narrow screens, paper. */

/** CSS of the page. */
export const STYLE = `
:root { color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d2327; --soft: #5b6670; --rule: #dedcd5; --faint: #f1efe9; --rail: #cfccc3;
  --ask: #1f5fbf; --answer: #1c7a4b; --approval: #8a4bb8; --bad: #b3261e; --run: #efe6d2; --run-edge: #cbb27c; --mask: #8a5a00; --mask-bg: #fff1cf; }
@media screen and (prefers-color-scheme: dark) { :root {
  --paper: #14171a; --card: #1b1f23; --ink: #e7e9ea; --soft: #9aa5ad; --rule: #30363c; --faint: #22272c; --rail: #434b52;
  --ask: #7fb0ff; --answer: #6bd09b; --approval: #cf9ff3; --bad: #ff8d84; --run: #2b2921; --run-edge: #6d6140; --mask: #ffd479; --mask-bg: #3a3018; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 4px; }
h3 { font-size: 15px; margin: 20px 0 0; }
h2 { font-size: 20px; letter-spacing: -.01em; margin: 0 0 4px; }
p { margin: 0 0 12px; max-width: 72ch; }
.lead, .note { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 24px; margin-top: 20px; }
.facts { display: grid; grid-template-columns: repeat(6, 1fr); gap: 1px; background: var(--rule); border: 1px solid var(--rule); border-radius: 10px; overflow: hidden; margin: 24px 0 0; }
.facts div { background: var(--card); padding: 14px; }
.facts dt { color: var(--soft); font-size: 13px; }
.facts dd { margin: 2px 0 0; font-size: 16px; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.facts .good { color: var(--answer); } .facts .bad { color: var(--bad); }
.banner { border-left: 4px solid var(--run-edge); background: var(--run); padding: 10px 14px; border-radius: 0 8px 8px 0; margin: 20px 0 0; max-width: none; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin-top: 12px; }
th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid var(--rule); vertical-align: top; }
#accruals, #accrual-lines, #entries { max-width: 860px; }
thead th { color: var(--soft); font-weight: 600; font-size: 13px; } thead td { border: 0; }
th.group { text-align: right; border-bottom: 0; padding-bottom: 0; font-weight: 400; }
.num { text-align: right; white-space: nowrap; } .date, .ref { white-space: nowrap; }
tfoot th, tfoot td, tr.balance th, tr.balance td { font-weight: 700; } tfoot th, tfoot td { border-top: 2px solid var(--ink); border-bottom: 0; }
tr.entry th { padding-top: 16px; } tr.entry .id { color: var(--soft); font-weight: 400; margin-right: 8px; } td.acc { padding-left: 24px; }
details { margin-top: 14px; } summary { cursor: pointer; color: var(--ask); }
dl { margin: 0; } #approval div { display: grid; grid-template-columns: 200px 1fr; gap: 12px; padding: 7px 0; border-bottom: 1px solid var(--rule); }
#approval dt { color: var(--soft); } #approval dd { margin: 0; min-width: 0; }
code, pre { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; background: var(--faint); border-radius: 8px; padding: 14px 16px; margin: 12px 0 0; max-height: 420px; overflow: auto; }
mark { background: var(--mask-bg); color: var(--mask); border-radius: 3px; padding: 0 2px; }
.bars { list-style: none; padding: 0; margin: 12px 0 0; display: grid; gap: 6px; }
.bars li { display: grid; grid-template-columns: 130px 1fr 48px; gap: 12px; align-items: center; }
.bars i { display: block; height: 12px; border-radius: 3px; background: var(--mask); width: var(--share); min-width: 3px; opacity: .75; }
.bars b { text-align: right; font-variant-numeric: tabular-nums; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 0; margin: 8px 0 16px; color: var(--soft); font-size: 13px; }
.legend i { display: inline-block; width: 26px; border-top: 2px solid var(--tone); vertical-align: middle; margin-right: 7px; }
.legend .answer i { border-top-style: dashed; }
.legend .run i { border: 1px solid var(--run-edge); background: var(--run); height: 12px; width: 16px; border-radius: 3px; }
.ask { --tone: var(--ask); } .answer, .done { --tone: var(--answer); } .approval { --tone: var(--approval); } .bad { --tone: var(--bad); } .quiet, .run { --tone: var(--soft); }
.lanes { display: grid; grid-template-columns: 58px repeat(var(--lanes), minmax(0, 1fr)); row-gap: 6px; font-size: 13px; line-height: 1.35; }
.head { grid-row: 1; text-align: center; padding: 8px 4px 10px; margin: 0 6px; background: var(--faint); border-radius: 8px; overflow-wrap: anywhere; position: sticky; top: 0; z-index: 4; }
.head strong, .head span { display: block; } .head span { color: var(--soft); } .head .role { font-size: 12px; }
.rail { justify-self: center; width: 0; border-left: 1px solid var(--rail); }
.runbar { margin: -2px 6px; background: var(--run); border: 1px solid var(--run-edge); border-radius: 8px; }
.time { grid-column: 1; color: var(--soft); font-size: 12px; text-align: right; padding: 3px 10px 0 0; font-variant-numeric: tabular-nums; white-space: nowrap; }
.step { justify-self: center; align-self: center; max-width: calc(100% - 24px); z-index: 2; background: var(--card); border: 1px solid var(--tone); border-radius: 6px; padding: 2px 8px; text-align: center; overflow-wrap: anywhere; }
.step.quiet { border-color: var(--rule); color: var(--soft); } .step.run { border-color: var(--run-edge); font-weight: 600; }
.step.done { background: var(--answer); border-color: var(--answer); color: var(--card); font-weight: 600; } .step.bad { color: var(--bad); font-weight: 600; }
.arrow { z-index: 3; margin: 2px calc(var(--half) + 1px); display: flex; flex-direction: column; align-items: center; color: var(--tone); min-width: 0; padding-top: 1px; }
.arrow .label { background: color-mix(in srgb, var(--card) 88%, transparent); border-radius: 4px; padding: 0 6px; text-align: center; max-width: calc(100% - 8px); overflow-wrap: anywhere; }
.arrow .line { width: 100%; height: 10px; position: relative; margin-top: 1px; }
.arrow .line::before { content: ""; position: absolute; top: 4px; left: 0; right: 0; border-top: 2px solid var(--tone); }
.arrow.answer .line::before { border-top-style: dashed; }
.arrow .line::after { content: ""; position: absolute; top: 0; border: 5px solid transparent; }
.arrow.right .line::after { right: -1px; border-left: 9px solid var(--tone); border-right: 0; }
.arrow.left .line::after { left: -1px; border-right: 9px solid var(--tone); border-left: 0; }
.mask { color: var(--mask); background: var(--mask-bg); border-radius: 3px; padding: 0 4px; font-weight: 400; white-space: nowrap; }
.took { color: var(--soft); font-weight: 400; white-space: nowrap; }
.done .took { color: inherit; }
footer { color: var(--soft); margin-top: 24px; font-size: 13px; }
@media (max-width: 1100px) { .facts { grid-template-columns: repeat(3, 1fr); } }
@media (max-width: 560px) { .facts { grid-template-columns: repeat(2, 1fr); } }
@media (max-width: 860px) { main { padding: 24px 14px 40px; } section { padding: 18px 14px; } .lanes { font-size: 12px; grid-template-columns: 46px repeat(var(--lanes), minmax(0, 1fr)); }
  .time { padding-right: 6px; } .step { max-width: calc(100% - 16px); padding: 2px 5px; } .head { margin: 0 3px; } .runbar { margin: -2px 3px; } th, td { padding: 6px 6px; } #approval div { grid-template-columns: 130px 1fr; } }
@media print { body { background: #fff; font-size: 12px; } main { max-width: none; padding: 0; } section { border: 0; padding: 0; margin-top: 24px; } .head { position: static; }
  tr, .step, .arrow, .facts, #approval div { break-inside: avoid; } h2 { break-after: avoid; } pre { max-height: none; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;
