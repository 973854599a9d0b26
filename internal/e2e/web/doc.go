// Package web drives the dashboard's pages in a real browser, against a real
// gateway whose agent acts through a real tunnel. Its tests run with -tags e2e where
// contrib/dev/ensure found Chromium and Node. It contains no code but tests.
package web
