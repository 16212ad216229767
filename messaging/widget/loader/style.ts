/** The loader's own few styles: inside a closed shadow root, so neither page reaches the other's. */
export const css = `
:host{--a:var(--bank-chat-accent,light-dark(#0e5a44,#63cba2));--i:light-dark(#fff,#05231a);color-scheme:light dark;display:contents}
:host([data-theme=light]){color-scheme:light}
:host([data-theme=dark]){color-scheme:dark}
:host([style]){--i:#fff}
*{box-sizing:border-box}
[hidden]{display:none!important}
iframe{display:block;width:100%;height:100%;border:0;color-scheme:inherit}
:host([data-mode=full]){display:block;width:100%;height:100%;min-height:20rem}
:host([data-mode=full]) .panel{width:100%;height:100%}
:host([data-mode=bubble]) .panel{position:fixed;z-index:2147483000;inset-block-end:calc(5.75rem + env(safe-area-inset-bottom));inset-inline-end:1.25rem;width:25.5rem;max-width:calc(100vw - 2.5rem);height:min(44rem,100dvh - 7.5rem);border-radius:1.25rem;overflow:hidden;background:light-dark(#fffefa,#151d19);box-shadow:0 0 0 1px light-dark(#15211b1f,#e9f0ea24),0 2px 6px #0000000f,0 28px 64px -16px #00000052;transform-origin:100% 100%;transition:opacity .2s,transform .28s cubic-bezier(.2,.7,.2,1),visibility .28s;visibility:hidden;opacity:0;transform:translateY(.75rem) scale(.97)}
:host([data-mode=bubble][data-open]) .panel{visibility:visible;opacity:1;transform:none}
button{position:fixed;z-index:2147483000;inset-block-end:calc(1.25rem + env(safe-area-inset-bottom));inset-inline-end:1.25rem;width:3.75rem;height:3.75rem;padding:0;border:0;border-radius:50%;display:grid;place-items:center;cursor:pointer;background:var(--a);color:var(--i);box-shadow:0 2px 6px #0003,0 12px 28px -8px #0006;transition:transform .2s cubic-bezier(.2,.7,.2,1)}
button:hover{transform:scale(1.05)}
button:active{transform:scale(.96)}
button:focus-visible{outline:3px solid var(--a);outline-offset:3px}
:host([data-open]) b{display:none}
svg{width:1.75rem;height:1.75rem;fill:none;stroke:currentColor;stroke-width:1.75;stroke-linecap:round;stroke-linejoin:round}
svg{grid-area:1/1;transition:opacity .2s,rotate .2s}
.c,:host([data-open]) .o{opacity:0;rotate:-45deg}
:host([data-open]) .c{opacity:1;rotate:none}
b{position:absolute;inset-block-start:-.25rem;inset-inline-end:-.25rem;min-width:1.5rem;padding:0 .375rem;border-radius:1rem;background:#c5281c;color:#fff;font:600 .8125rem/1.5rem system-ui,sans-serif;text-align:center;box-shadow:0 0 0 2px light-dark(#fff,#0e1411)}
@media (max-width:30rem),(max-height:26rem){
:host([data-mode=bubble]) .panel{inset:0;width:100%;max-width:none;height:100dvh;border-radius:0;box-shadow:none}
:host([data-open]) button{visibility:hidden}
}
@media (prefers-reduced-motion:reduce){.panel,button,svg{transition:none!important}}
@media (forced-colors:active){button{border:2px solid}}
`;
