//go:build e2e

package web

import (
	"fmt"
	"strings"
)

// run is what a payload does if it runs: the page then knows.
const run = "window.__ran.push(1)"

// corpus gives 200 strings that make something of somebody's page: markup, handlers,
// URLs that run, ways out of attributes, scripts, styles, comments and templates,
// prototypes, spreadsheets and terminals, and text that hides or turns around.
func corpus() []string {
	var list []string
	tags := []string{
		"<script>%s</script>", "<script src=data:text/javascript,%s></script>", "<img src=x onerror=%s>", "<img src=x onerror=\"%s\">",
		"<svg onload=%s>", "<svg><script>%s</script></svg>", "<svg><animate onbegin=%s attributeName=x dur=1s>", "<svg><set onbegin=%s attributename=x>",
		"<body onload=%s>", "<iframe srcdoc=\"<script>parent.%s</script>\">", "<iframe src=javascript:parent.%s>", "<iframe onload=%s>",
		"<object data=javascript:%s>", "<embed src=javascript:%s>", "<a href=javascript:%s autofocus onfocus=%[1]s>x</a>", "<form action=javascript:%s><input type=submit autofocus onfocus=%[1]s></form>",
		"<input autofocus onfocus=%s>", "<select autofocus onfocus=%s>", "<textarea autofocus onfocus=%s>", "<keygen autofocus onfocus=%s>",
		"<video><source onerror=%s></video>", "<video src=x onerror=%s>", "<audio src=x onerror=%s>", "<details open ontoggle=%s>",
		"<marquee onstart=%s>", "<meter onmouseover=%s>0</meter>", "<math><mtext><script>%s</script></mtext></math>", "<link rel=stylesheet onload=%s href=data:text/css,>",
		"<style onload=%s></style>", "<style>@import 'javascript:%s';</style>", "<base href=javascript:%s//>", "<meta http-equiv=refresh content='0;url=javascript:%s'>",
		"<template><script>%s</script></template>", "<noscript><p title=\"</noscript><img src=x onerror=%s>\">", "<xmp><p title=\"</xmp><svg/onload=%s>\">",
		"<table background=javascript:%s>", "<isindex type=image src=1 onerror=%s>", "<button popovertarget=x onclick=%s>", "<x contenteditable onblur=%s autofocus>",
		"<x onpointerrawupdate=%s style=position:fixed;inset:0>", "<div onanimationstart=%s style=animation:breathe>", "<div ontransitionend=%s style=transition:all>", "<p onclick=%s>",
		"<dialog open onclose=%s>", "<img srcset=x onerror=%s>", "<picture><source srcset=x><img onerror=%s src=x></picture>", "<bgsound src=javascript:%s>", "<layer src=javascript:%s>",
		"<frameset onload=%s>", "<applet code=javascript:%s>", "<!--<img src=\"--><img src=x onerror=%s//\">", "<![CDATA[<script>%s</script>]]>", "<?xml version=1?><script>%s</script>",
	}
	breaks := []string{"", "\">", "'>", "</title>", "</textarea>", "</script>", "--></style>", "]]>", "</code></pre>", "\x00"}
	for i, tag := range tags {
		list = append(list, breaks[i%len(breaks)]+fmt.Sprintf(tag, run))
	}
	attributes := []string{
		`" onmouseover="%s" x="`, `' onmouseover='%s' x='`, "` onmouseover=%s x=`", `" autofocus onfocus="%s`, `x" style="animation:x" onanimationstart="%s`,
		`javascript:%s`, `JaVaScRiPt:%s`, "java\tscript:%s", "java\nscript:%s", " javascript:%s", "\x01javascript:%s", `javascript://%%0a%s`, `data:text/html,<script>parent.%s</script>`,
		`data:text/html;base64,PHNjcmlwdD5wYXJlbnQuX19yYW4ucHVzaCgxKTwvc2NyaXB0Pg==#%s`, `vbscript:%s`, `view-source:javascript:%s`, `blob:javascript:%s`, `filesystem:javascript:%s`,
		`//evil.example/%s`, `\\evil.example\%s`, `https:evil.example/%s`,
	}
	for _, a := range attributes {
		list = append(list, fmt.Sprintf(a, run))
	}
	code := []string{
		`"-%s-"`, `'-%s-'`, "`-${%s}-`", `";%s;//`, `';%s;//`, `\";%s;//`, `</script><script>%s</script>`, `{{constructor.constructor('%s')()}}`, `{{%s}}`, `${%s}`, `#{%s}`, `<%%= %s %%>`,
		`[[%s]]`, `{%%%s%%}`, `*{%s}`, `@{%s}`, `$(%s)`, "`%s`", `eval("%s")`, `setTimeout("%s")`, `Function("%s")()`, `import("data:text/javascript,%s")`, `constructor.constructor("%s")()`,
		`{"__proto__":{"toString":"%s"}}`, `{"constructor":{"prototype":{"x":"%s"}}}`, `{"dangerouslySetInnerHTML":{"__html":"<img src=x onerror=%s>"}}`, `{"$$typeof":"react.element","type":"script","props":{"children":"%s"}}`,
		`{"type":"img","props":{"src":"x","onError":"%s"}}`, `__proto__[x]=%s`, `constructor[prototype][x]=%s`,
	}
	for _, c := range code {
		list = append(list, fmt.Sprintf(c, run))
	}
	for _, enc := range []string{
		"&lt;img src=x onerror=%s&gt;", "&#60;img src=x onerror=%s&#62;", "&#x3c;svg onload=%s&#x3e;", "%%3Csvg%%20onload=%s%%3E", "%%253Csvg onload=%s%%253E", `\u003csvg onload=%s\u003e`, `\x3csvg onload=%s\x3e`,
		"\uff1cscript\uff1e%s\uff1c/script\uff1e", "+ADw-script+AD4-%s+ADw-/script+AD4-", "<scr\u200bipt>%s</scr\u200bipt>", "<\u0000script>%s</script>", "<img/src/onerror=%s>", "<svg\fonload=%s>", "<svg\vonload=%s>", "<svg//onload=%s>",
		"<ſcript>%s</ſcript>", "<img src=x one\u0000rror=%s>", "\ufeff<script>%s</script>",
	} {
		list = append(list, fmt.Sprintf(enc, run))
	}
	for _, f := range []string{
		`=HYPERLINK("javascript:%s","x")`, `=cmd|'/C calc'!A0;%s`, `+cmd|' /C calc'!A0;%s`, `-2+3+cmd|' /C calc'!A0;%s`, `@SUM(1+1)*cmd|' /C calc'!A0;%s`, "\t=1+1;%s", "\r=1+1;%s", "\uff1d1+1;%s", ` =1+1;%s`,
		"\x1b[2J\x1b]0;%s\a", "\x1b]8;;javascript:%s\a\x1b]8;;\a", "\r\nSet-Cookie: x=%s", "\r\n\r\n<script>%s</script>", "%%0d%%0a%s",
		"\u202e%s\u202c", "\u2066\u202e%s\u2069", "a\u200b\u200c\u200d\u2060\ufeff%s", "\u00ad%s", strings.Repeat("\u0301", 40) + "%s", "\U000e0041\U000e0042%s", "\u2028%s\u2029", "\u0085%s", "\ud7ff\ue000%s", "\u115f%s\u3164",
		"::highlight(x){%s}", "x{background:url(javascript:%s)}", "expression(%s)", "-moz-binding:url(%s)", "</style><svg onload=%s>", "@import url(//evil.example/%s);", "*{x:expression(%s)}", "url('javascript:%s')",
	} {
		list = append(list, fmt.Sprintf(f, run))
	}
	for i := 0; len(list) < 200; i++ { // and what only together is anything
		list = append(list, list[i]+list[len(list)-1-2*i])
	}
	return list[:200]
}
