// A browser that is driven over standard input: one JSON object a line, one answer
// a line. It says what the page does and decides nothing.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { readFileSync } from 'node:fs'

const require = createRequire(process.env.SALLYPORT_MODULES + '/')
const { chromium } = require('playwright-core')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

const patience = 60_000 // for what comes at once where there is time: a busy machine has none
const moment = () => new Promise((done) => setTimeout(done, 100))
const slow = Number(process.env.SALLYPORT_SLOW || 1) // how many times slower the pages compute, for who hunts what depends on it
const browser = await chromium.launch({
  timeout: 2 * patience,
  executablePath: process.env.SALLYPORT_CHROMIUM,
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb', '--js-flags=--expose-gc'],
})
let context, page
const said = [] // what went wrong in the page
const ran = [] // dialogs that opened, which only a script can open

async function open({ width, height, scheme, motion, cookies }) {
  if (context) await context.close()
  said.length = 0
  ran.length = 0
  context = await browser.newContext({
    viewport: { width: width ?? 1440, height: height ?? 900 },
    colorScheme: scheme ?? 'light',
    reducedMotion: motion ?? 'reduce',
    bypassCSP: false,
    locale: 'en-GB',
    timezoneId: 'UTC',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  if (cookies) await context.addCookies(cookies)
  // What the page's own policy refused is seen here, too.
  await context.addInitScript(() => {
    window.__refused = []
    window.__ran = []
    // What moved by itself under the reader's eyes (Layout Instability, W3C).
    window.__shift = { score: 0, moved: [] }
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) {
        if (e.hadRecentInput) continue
        window.__shift.score += e.value
        for (const s of e.sources ?? []) window.__shift.moved.push(`${s.node?.nodeName} ${s.node?.className ?? ''} from ${s.previousRect.y} to ${s.currentRect.y}`)
      }
    }).observe({ type: 'layout-shift', buffered: true })
    addEventListener('securitypolicyviolation', (e) => window.__refused.push(`${e.effectiveDirective} ${e.blockedURI} ${e.sample} ${e.sourceFile}:${e.lineNumber}`))
  })
  page = await context.newPage()
  page.setDefaultTimeout(patience)
  if (slow > 1) await (await context.newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: slow })
  page.on('pageerror', (e) => said.push('error: ' + e.message))
  page.on('console', (m) => {
    if (m.type() === 'error') said.push('console: ' + m.text() + ' ' + (m.location()?.url ?? ''))
  })
  page.on('dialog', (d) => {
    ran.push(d.message())
    d.dismiss()
  })
}

const ops = {
  open,
  goto: async ({ url }) => void (await page.goto(url, { waitUntil: 'load' })),
  click: async ({ at }) => void (await page.locator(at).first().click()),
  fill: async ({ at, text }) => void (await page.locator(at).first().fill(text)),
  choose: async ({ at, text }) => void (await page.locator(at).first().selectOption(text)),
  // Keys, one soon after the other: none waits until the page has dealt with the one
  // before.
  press: async ({ text }) => void (await Promise.all(text.split(' ').map((key) => page.keyboard.press(key)))),
  type: async ({ text }) => void (await page.keyboard.type(text)),
  see: async ({ at, text }) => void (await (text ? page.locator(at).filter({ hasText: text }) : page.locator(at)).first().waitFor({ state: 'visible' })),
  gone: async ({ at }) => void (await page.locator(at).first().waitFor({ state: 'hidden' })),
  text: async ({ at }) => await page.locator(at).first().innerText(),
  count: async ({ at }) => await page.locator(at).count(),
  url: async () => page.url(),
  eval: async ({ text }) => await page.evaluate(text),
  // The policy of the pages forbids what playwright's own waiting does. What cannot be
  // told yet, because a part of the page is not there, is not so yet.
  until: async ({ text }) => {
    for (let n = 0; ; n++, await moment()) {
      const [is, why] = await page.evaluate(text).then((v) => [v, ''], (err) => [false, ': ' + err.message])
      if (is) return
      if (n * 100 > patience) throw new Error('it never came to that' + why)
    }
  },
  // A link inside the pages: the document stays. The heading that is waited for is the
  // new page's, not what still stands there of the old one.
  to: async ({ path }) => {
    await page.evaluate((path) => {
      const other = new URL(path, location.href).pathname !== location.pathname
      if (other) for (const h of document.querySelectorAll('h1')) h.dataset.old = ''
      history.pushState(null, '', path)
      dispatchEvent(new PopStateEvent('popstate'))
    }, path)
    await page.locator('h1:not([data-old])').first().waitFor({ state: 'visible' })
  },
  // A click, and the word about what it did: one that was said before does not count,
  // and one that is gone already does.
  done: async ({ at, text }) => {
    await page.evaluate(() => {
      const told = (window.__told = [])
      window.__teller?.disconnect()
      window.__teller = new MutationObserver((list) => {
        for (const { addedNodes } of list) for (const n of addedNodes) if (n.classList?.contains('toast')) told.push(n.textContent)
      })
      window.__teller.observe(document, { childList: true, subtree: true })
    })
    await page.locator(at).first().click()
    for (let n = 0; ; n++, await new Promise((done) => setTimeout(done, 50))) {
      const told = await page.evaluate(() => window.__told)
      if (told.some((t) => t.includes(text))) return
      if (n * 50 > patience) throw new Error(`nothing said ${text}; it was told ${JSON.stringify(told)}`)
    }
  },
  resize: async ({ width, height }) => void (await page.setViewportSize({ width, height })),
  shot: async ({ path, full }) => void (await page.screenshot({ path, fullPage: !!full, animations: 'disabled' })),
  faults: async () => {
    const inside = await page.evaluate(() => ({ refused: window.__refused.splice(0), ran: window.__ran.splice(0) }))
    return { said: said.splice(0), ran: [...ran.splice(0), ...inside.ran].map(String), refused: inside.refused }
  },
  // A page by Tab alone: every stop until it begins anew, and whether one sees it.
  walk: async ({ most }) => {
    const stops = []
    for (let begun = false, i = 0; i < most; i++) {
      await page.keyboard.press('Tab')
      const look = () =>
        page.evaluate(() => {
          const e = document.activeElement
          if (!e || e === document.body) return null
          const box = e.getBoundingClientRect()
          const around = [e, e.parentElement, e.closest('.cm-editor')] // who draws it for a field without a frame
          return {
            name: `${e.nodeName.toLowerCase()}.${[...e.classList].join('.')} ${(e.getAttribute('aria-label') ?? e.textContent ?? '').slice(0, 40)}`,
            ring: around.some((x) => x && getComputedStyle(x).outlineStyle !== 'none' && parseFloat(getComputedStyle(x).outlineWidth) > 0),
            shown: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
            first: e.classList.contains('skip'),
            editor: !!e.closest('.cm-content'),
          }
        })
      let at = await look()
      // Scripts that draw it themselves do so a moment later.
      for (let n = 0; at && !at.ring && n < 100; n++) {
        await new Promise((done) => setTimeout(done, 50))
        at = await look()
      }
      if (!at) continue
      if (at.first && begun) return { stops, round: true }
      begun ||= at.first
      stops.push(at)
      if (at.editor) await page.keyboard.press('Escape') // the editor takes Tab for itself
    }
    return { stops, round: false }
  },
  axe: async () => {
    // It is put in by the debugger's door, which the policy does not cover.
    await page.evaluate(axe)
    const got = await page.evaluate(() =>
      window.axe.run(document, { runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } }),
    )
    return got.violations.map((v) => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.slice(0, 4).map((n) => n.target.join(' ') + ' ' + n.failureSummary.replaceAll('\n', ' ')).join(' | ')}`)
  },
  download: async ({ at }) => {
    const [d] = await Promise.all([page.waitForEvent('download'), page.locator(at).first().click()])
    return readFileSync(await d.path(), 'utf8')
  },
  // How long the main thread of the page computed, by its own account and whatever else
  // the machine does, and its heap.
  measure: async () => {
    const cdp = (page.__cdp ??= await context.newCDPSession(page))
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
    const { metrics } = await cdp.send('Performance.getMetrics')
    const of = (n) => metrics.find((m) => m.name === n).value
    return { at: of('Timestamp'), busy: of('TaskDuration'), heap: of('JSHeapUsedSize'), nodes: of('Nodes') }
  },
  // A key that the browser finds plugged in.
  authenticator: async () => {
    const cdp = await context.newCDPSession(page)
    await cdp.send('WebAuthn.enable')
    await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    })
  },
  // An HTTP Archive, read by what replays one: the status that it has for a page.
  replay: async ({ path, url }) => {
    const own = await browser.newContext()
    own.setDefaultTimeout(patience)
    await own.routeFromHAR(path, { notFound: 'abort' })
    const p = await own.newPage()
    const got = await p.goto(url)
    const missing = await p.goto(url + '/never').then((r) => r.status(), () => 0)
    await own.close()
    return [got.status(), missing]
  },
  // A browser that may show notices, and what a push service would bring it.
  permit: async () => void (await context.grantPermissions(['notifications'])),
  // Chromium loses a notice now and then in the first moments of a profile, after it told
  // the worker that it is shown: then it is brought once more.
  push: async ({ text, shown }) => {
    const cdp = await context.newCDPSession(page)
    const found = new Promise((done) =>
      cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
        const r = registrations.find((r) => !r.isDeleted)
        if (r) done(r.registrationId)
      }),
    )
    await cdp.send('ServiceWorker.enable')
    const message = { origin: new URL(page.url()).origin, registrationId: await found, data: text }
    for (let n = 0; ; n++, await moment()) {
      if (n % 50 === 0) await cdp.send('ServiceWorker.deliverPushMessage', message)
      if (await page.evaluate(shown)) break
      if (n * 100 > patience) throw new Error('it is not shown')
    }
    await cdp.detach()
  },
  // What a click does: an event that no person caused cannot be waited for. A page that
  // is too busy to answer the worker would get a window beside it, which only a person
  // may open: one taps again.
  tap: async () => {
    for (let n = 0; ; n++, await moment()) {
      try {
        return void (await context.serviceWorkers()[0].evaluate(async () => {
          const [notification] = await self.registration.getNotifications()
          await show(place(notification.data.url))
        }))
      } catch (err) {
        if (n * 100 > patience) throw err
      }
    }
  },
  gc: async () => void (await page.evaluate(() => globalThis.gc?.())),
}

const lines = createInterface({ input: process.stdin })
for await (const line of lines) {
  const { op, ...args } = JSON.parse(line)
  let answer
  try {
    answer = { value: (await ops[op](args)) ?? null }
  } catch (err) {
    answer = { error: String(err.message ?? err) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
await browser.close()
