import { palettes } from './chart.js';

const seriesVariables = (palette: 'light' | 'dark'): string =>
  palettes[palette].series.map((color, index) => `--series-${index + 1}:${color}`).join(';');

const lightColors = `--page:#fbfbfa;--surface:#fff;--text:#1c1d1f;--faint:#5d6066;--line:#e2e3e6;--accent:#2f5fd0;--code:#f3f3f1;${seriesVariables('light')}`;
const darkColors = `--page:#121315;--surface:#1a1b1f;--text:#eceef1;--faint:#a3a7ae;--line:#2f3238;--accent:#8fb1ff;--code:#202227;${seriesVariables('dark')}`;

/** Style sheet of a report: system fonts, light and dark, narrow and wide, screen and paper. */
export const style = `
:root{color-scheme:light dark;${lightColors}}
@media (prefers-color-scheme:dark){:root{${darkColors}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",Arial,sans-serif;overflow-wrap:break-word}
.page{max-width:1060px;margin:0 auto;padding:clamp(28px,6vw,72px) clamp(18px,4vw,40px) 64px}
h1{margin:0;font-size:clamp(1.75rem,1.2rem + 2.4vw,2.6rem);line-height:1.15;font-weight:680;letter-spacing:-.022em;text-wrap:balance}
.lead{margin:.9rem 0 0;max-width:44rem;font-size:1.1rem;color:var(--faint);text-wrap:pretty}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,150px),1fr));gap:12px;margin:2.25rem 0 0;padding:0}
.card{display:flex;flex-direction:column;padding:16px 18px;background:var(--surface);border:1px solid var(--line);border-radius:12px}
.card dt{font-size:.84rem;color:var(--faint)}
.card dd{margin:0}
.value{margin-top:.1rem;font-size:1.85rem;line-height:1.25;font-weight:640;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.unit{margin-left:.22em;font-size:.95rem;font-weight:500;letter-spacing:0;color:var(--faint)}
.card .note{margin-top:.15rem;font-size:.82rem;line-height:1.4;color:var(--faint)}
nav{margin-top:1.75rem;font-size:.92rem}
nav ul{display:flex;flex-wrap:wrap;gap:.3rem 1.3rem;margin:0;padding:0;list-style:none}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline;text-underline-offset:.2em}
a:focus-visible,.scroll:focus-visible,pre:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:3px}
section{margin-top:3.5rem;scroll-margin-top:1.5rem}
h2{margin:0 0 1rem;padding-top:1.1rem;border-top:1px solid var(--line);font-size:1.32rem;line-height:1.3;font-weight:640;letter-spacing:-.012em}
section p{max-width:44rem;text-wrap:pretty}
figure{margin:0}
.blocks{display:flex;flex-wrap:wrap;gap:28px 36px}
.block{flex:1 1 100%;min-width:0;margin:0}
.charts.one,.charts.one+.scroll{flex:1 1 min(100%,380px)}
figcaption{font-size:.88rem;line-height:1.5;color:var(--faint)}
.legend{display:flex;flex-wrap:wrap;gap:0 .6rem;margin:0 0 .8rem;padding:0;list-style:none;font-size:.88rem;color:var(--faint)}
.legend li+li::before{content:"\\2192\\a0";opacity:.7}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,calc(var(--count)*104px)),1fr));gap:18px 20px;margin:0;padding:0;list-style:none}
.strip{display:grid;grid-template-columns:repeat(var(--count),1fr);gap:3px;border-radius:8px;overflow:hidden}
.strip img{display:block;width:100%;height:auto;image-rendering:pixelated}
.gallery figcaption{margin-top:.4rem;font-size:.82rem;font-variant-numeric:tabular-nums}
.after{margin-top:1rem;max-width:44rem}
.picture img{display:block;max-width:100%;height:auto;border-radius:8px}
.picture figcaption{margin-top:.6rem;max-width:44rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:32px 36px}
.chart{max-width:500px}
.chart h3{margin:0 0 .35rem;font-size:1rem;line-height:1.4;font-weight:600}
.chart svg{display:block;width:100%;height:auto;overflow:visible}
.chart figcaption{margin-top:.5rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.94rem;font-variant-numeric:tabular-nums}
.facts{max-width:46rem}
caption{padding:0 0 .6rem;text-align:left;font-size:.88rem;color:var(--faint)}
th,td{padding:.44rem 1.25rem .44rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
thead th{font-size:.84rem;font-weight:500;color:var(--faint)}
.facts th{width:15rem;font-weight:450;color:var(--faint)}
.commands{margin:0}
.commands dt{font-size:.95rem}
.commands dd{margin:.35rem 0 1.2rem}
pre{margin:0;padding:.8rem 1rem;overflow-x:auto;background:var(--code);border:1px solid var(--line);border-radius:8px;font:.88rem/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
footer{margin-top:4rem;padding-top:1.1rem;border-top:1px solid var(--line);font-size:.84rem;color:var(--faint)}
@media (max-width:560px){.gallery{grid-template-columns:repeat(auto-fill,minmax(min(100%,calc(var(--count)*72px)),1fr));gap:16px 14px}.cards{grid-template-columns:1fr 1fr;gap:10px}.card:first-child:nth-last-child(odd){grid-column:1/-1}.card{padding:13px 14px}.value{font-size:1.5rem}.facts th{width:44%}section{margin-top:2.75rem}}
@media print{:root{color-scheme:light;${lightColors};--page:#fff}body{font-size:10.5pt}.page{max-width:none;padding:0}nav{display:none}section{margin-top:1.6rem}h2{break-after:avoid}.cards{grid-template-columns:repeat(auto-fit,minmax(105px,1fr));gap:8px}.charts{grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:18px 24px}.charts.one,.charts.one+.scroll{flex-basis:280px}.facts th{width:11rem}.card,.gallery li,.chart,.picture,tr,.commands div{break-inside:avoid}.gallery{grid-template-columns:repeat(auto-fill,minmax(calc(var(--count)*68px),1fr));gap:10px 14px}.card{padding:8px 10px}.value{font-size:1.3rem}pre{white-space:pre-wrap}img{print-color-adjust:exact;-webkit-print-color-adjust:exact}@page{margin:15mm}}
`.trim();
