// Code generated from docs/openapi.json by tools/schema.mjs. DO NOT EDIT.

/** Schemas are what the API speaks of, by the names of its document. */
export interface Schemas {
  'account.Operator': {
    created: string
    name: string
    passkeys?: string[]
    password: boolean
    rights: ('viewer' | 'approver' | 'editor' | 'admin')[]
  }
  'account.Token': {
    created: string
    expires: string
    id: string
    name: string
    owner: Schemas['action.Person']
    scope: ('viewer' | 'approver' | 'editor' | 'admin')[]
  }
  'action.Answer': {
    cut?: boolean
    fields?: Schemas['action.AnswerField'][]
    hidden?: boolean
    more?: number
    size?: number
    text?: string
    trailers?: Schemas['action.AnswerField'][]
    type?: string
    untold?: string
    withheld?: boolean
  }
  'action.AnswerField': {
    hidden?: boolean
    name: string
    values?: string[]
  }
  'action.Block': {
    attributes?: Record<string, unknown>
    blocks?: Schemas['action.Inner'][]
  }
  'action.Certificate': {
    expires: string
    issuer: string
    name: string
  }
  'action.Change': {
    agent: string
    id: string
    new: string
    old: string
    reason?: string
    rule?: string
    service: string
    summary: string
    time: string
  }
  'action.Contact': {
    certificate?: Schemas['action.Certificate']
    host: string
    ok: boolean
    role: string
    service: string
    steps: Schemas['action.Step'][]
  }
  'action.Declared': {
    end: number
    file: string
    hcl: string
    host?: boolean
    kind: string
    line: number
    name?: string
  }
  'action.Draft': {
    edits?: Schemas['action.Edit'][]
    files?: Record<string, string>
    rollback?: number
  }
  'action.Edit': {
    block?: Schemas['action.Block']
    file?: string
    hcl?: string
    kind: string
    name: string
    op: string
  }
  'action.Finding': {
    detail?: string
    end?: Schemas['action.Position']
    file?: string
    new?: boolean
    severity: string
    start?: Schemas['action.Position']
    summary: string
  }
  'action.Guarded': {
    kind: string
    name: string
    what: string
  }
  'action.Impact': {
    cannot_tell: number
    changes: Schemas['action.Change'][]
    cut?: boolean
    groups: Schemas['action.ImpactGroup'][]
    left_off?: number
    replayed: number
    withheld?: number
  }
  'action.ImpactGroup': {
    count: number
    new: string
    old: string
  }
  'action.Inner': {
    attributes?: Record<string, unknown>
    blocks?: Schemas['action.Inner'][]
    kind: string
    name?: string
  }
  'action.Person': {
    groups?: string[]
    name: string
    via: string
  }
  'action.Placement': {
    file: string
    kind: string
    line?: number
    name: string
    op: string
  }
  'action.Position': {
    column: number
    line: number
    offset: number
  }
  'action.Preview': {
    base: string
    diff: string
    files: string[]
    findings?: Schemas['action.Finding'][]
    guarded?: Schemas['action.Guarded'][]
    ok: boolean
    placed?: Schemas['action.Placement'][]
    revision: string
    tests: number
    texts?: Record<string, string>
  }
  'action.Revision': {
    approved_by?: string
    break_glass?: boolean
    by: string
    changed: string[]
    diff?: string
    files?: Record<string, string>
    note?: string
    number: number
    origin: string
    revision: string
    time: string
    to?: number
  }
  'action.Sketch': {
    draft: Schemas['action.Draft']
    hcl?: string
    notes?: string[]
    verdict?: string
  }
  'action.SourceFile': {
    fixed?: string
    name: string
    text: string
  }
  'action.SourceText': {
    blocks: Schemas['action.Declared'][]
    files: Schemas['action.SourceFile'][]
    number: number
    revision: string
  }
  'action.Step': {
    name: string
    says: string
    state: string
    took_ns?: number
  }
  'action.Usage': {
    asked?: string
    audio?: number
    cache_read?: number
    cache_write?: number
    cache_write_long?: number
    cost_nano?: number
    estimated?: boolean
    input?: number
    model?: string
    output?: number
    price?: string
    provider: string
    reasoning?: number
    tier?: string
  }
  'alerts.Alert': {
    action?: string
    agent?: string
    gone: boolean
    service?: string
    since: string
    told?: string
    what: string
  }
  'alerts.State': {
    denied?: number
    standing: Schemas['alerts.Alert'][]
    to: Schemas['outlet.Outlet'][]
    told: Schemas['alerts.Alert'][]
    window_seconds?: number
  }
  'book.Completion': {
    before: number
    items: Schemas['book.Proposed'][]
  }
  'book.Content': {
    block?: Schemas['action.Block']
    file?: string
    hcl?: string
    note?: string
  }
  'book.Pending': {
    preview: Schemas['action.Preview']
    proposal: Schemas['pair.Proposal']
  }
  'book.Place': {
    column: number
    file: string
    files: Record<string, string>
    line: number
  }
  'book.Proposal': {
    edits?: Schemas['action.Edit'][]
    files?: Record<string, string>
    note?: string
    rollback?: number
  }
  'book.Proposed': {
    detail?: string
    doc?: string
    insert: string
    kind: string
    label: string
  }
  'book.Question': {
    edits?: Schemas['action.Edit'][]
    files?: Record<string, string>
    rollback?: number
    since?: string
  }
  'book.Reason': {
    note?: string
  }
  'book.Sheets': {
    files: Record<string, string>
  }
  'book.Standing': {
    block?: Schemas['action.Block']
    end: number
    file: string
    hcl: string
    host?: boolean
    kind: string
    line: number
    name?: string
    revision: string
  }
  'book.Taken': {
    preview: Schemas['action.Preview']
    revision: Schemas['action.Revision']
    waits?: Schemas['pair.Proposal']
  }
  'book.Text': {
    note?: string
    text: string
  }
  'connect.Brought': {
    url: string
  }
  'connect.Connectable': {
    flow: string
    secret: string
  }
  'connect.Connection': {
    error?: string
    flow: string
    id: string
    link?: string
    page?: string
    redirect_uri?: string
    secret: string
    server: string
    state: string
    until: string
    user_code?: string
  }
  'connect.Wish': {
    paste?: boolean
  }
  'dashboard.Acceptance': {
    note: string
  }
  'dashboard.Agent': {
    address: string
    created: string
    expires?: string
    id: string
    link: Schemas['dashboard.Link']
    manifest?: unknown
    manifest_markdown?: string
    name: string
    node?: string
    roles?: string[]
    state: string
    tags?: string[]
    user?: string
  }
  'dashboard.Enrolled': {
    agent: Schemas['dashboard.Agent']
    config: string
    notice?: string
  }
  'dashboard.Enrolment': {
    expires?: string
    name: string
    roles?: string[]
    split?: boolean
  }
  'dashboard.Judge': {
    calls_today: number
    decides: boolean
    input_tokens_today: number
    model: string
    name: string
    output_tokens_today: number
    service: string
  }
  'dashboard.Link': {
    last_handshake?: string
    received_bytes: number
    sent_bytes: number
  }
  'dashboard.Nameserver': {
    address: string
    exit_node?: boolean
    suffix?: string
  }
  'dashboard.Role': {
    members?: string[]
    name: string
    services: string[]
    until?: string
  }
  'dashboard.Row': {
    agent: Schemas['dashboard.RowAgent']
    asked?: boolean
    dst?: string
    duration_ns?: number
    error?: string
    host?: string
    id: string
    kept?: boolean
    kind: string
    method?: string
    missing?: number
    outcome?: string
    protocol?: string
    reason?: string
    received?: number
    rows?: number
    rule?: string
    sent?: number
    seq: number
    service?: string
    session?: string
    status?: string
    summary?: string
    time: string
    turn?: Schemas['dashboard.Turn']
    usage?: Schemas['action.Usage']
    verdict?: string
    would?: string[]
  }
  'dashboard.RowAgent': {
    id?: string
    name?: string
    user?: string
  }
  'dashboard.Sealing': {
    passphrase?: string
    recipients?: string[]
  }
  'dashboard.SecretSet': {
    notes?: string[]
  }
  'dashboard.SecretValue': {
    value: string
  }
  'dashboard.Service': {
    allowed?: string[]
    asked?: string[]
    databases?: string[]
    denied?: string[]
    description?: string
    hosts: string[]
    name: string
    protocol: string
    roles?: string[]
    secrets?: string[]
  }
  'dashboard.Status': {
    account_warnings?: Record<string, string[]>
    address?: string
    agents: number
    alerts_to?: string[]
    config: string
    config_error?: string
    dashboard?: string[]
    loaded: string
    open_connections?: Record<string, number>
    pending_approvals: number
    public_key?: string
    ready: string
    rules: number
    services: number
    started: string
    tailnet?: Schemas['dashboard.Tailnet']
    version: string
    warnings?: string[]
    wireguard?: string
  }
  'dashboard.Tailnet': {
    addresses?: string[]
    control_url?: string
    expiry?: string
    hostname: string
    https: boolean
    members?: string[]
    name?: string
    nameservers?: Schemas['dashboard.Nameserver'][]
    problems?: string[]
    refused?: string[]
    routes?: string[]
    state: string
    tags?: string[]
    tailnet?: string
    wanted_tags?: string[]
    wide_open?: string[]
  }
  'dashboard.Turn': {
    kind: string
    names?: string[]
  }
  'dashboard.VaultKey': {
    id: string
  }
  'dashboard.Verified': {
    accepted?: Schemas['report.Gap'][]
    dropped?: string[]
    first: number
    found?: Schemas['report.Found'][]
    last: number
    months: string[]
    operators: Schemas['deeds.Report']
    problems?: Schemas['report.Problem'][]
    records: number
    signed: number
    signed_at?: string
  }
  'dashboard.Why': {
    now: unknown
  }
  'deeds.Entry': {
    error?: string
    from: string
    notes?: Record<string, string>
    on?: Record<string, string>
    prev: string
    seq: number
    session?: string
    status?: number
    time: string
    via?: string
    what: string
    who: string
  }
  'deeds.Report': {
    entries: number
    problems?: string[]
    signed: number
  }
  'door.Credentials': {
    name: string
    password: string
  }
  'door.Issued': {
    secret: string
    token: Schemas['account.Token']
  }
  'door.Link': {
    token: string
  }
  'door.LinkState': {
    state: string
  }
  'door.NewOperator': {
    name: string
    password?: string
    rights: ('viewer' | 'approver' | 'editor' | 'admin')[]
  }
  'door.NewPasskey': {
    credential: unknown
    name: string
  }
  'door.NewPassword': {
    old?: string
    password: string
  }
  'door.NewRights': {
    rights: ('viewer' | 'approver' | 'editor' | 'admin')[]
  }
  'door.NewToken': {
    expires: string
    name: string
    scope: ('viewer' | 'approver' | 'editor' | 'admin')[]
  }
  'door.Operators': {
    config: Record<string, string[]>
    local: Schemas['account.Operator'][]
  }
  'door.PasskeyInfo': {
    created: string
    name: string
  }
  'door.Proof': {
    password: string
  }
  'door.Setup': {
    name: string
    password: string
    token: string
  }
  'door.Standing': {
    agent?: boolean
    caller?: Schemas['route.Caller']
    login: string[]
    notes?: string[]
    setup: boolean
    step_up: string[]
  }
  'holding.Holding': {
    bytes: number
    checkpoint?: Schemas['holding.Mark']
    directory: string
    failures: number
    journal_bytes: number
    keep_seconds: number
    lost: number
    newest?: Schemas['holding.Mark']
    oldest?: Schemas['holding.Mark']
    record_bytes: number
    running: number
    strict: boolean
    waiting: number
  }
  'holding.Mark': {
    seq: number
    time: string
  }
  'inbox.Answer': {
    for?: string
    note?: string
    scope?: string
    times?: number
  }
  'inbox.Passage': {
    digest?: string
    next: number
    offset: number
    text: string
    total: number
  }
  'manual.Page': {
    name: string
    sections: Schemas['manual.Section'][]
    title: string
  }
  'manual.Section': {
    anchor: string
    level: number
    says?: string
    title: string
  }
  'manual.Text': {
    name: string
    text: string
    title: string
  }
  'outlet.Outlet': {
    alerts?: boolean
    can_test?: boolean
    delivered?: string
    kind: string
    name: string
    of?: string[]
    problem?: string
    records?: Schemas['outlet.Progress']
    since?: string
    target: string
  }
  'outlet.Progress': {
    arrived: number
    behind: number
    lost?: number
  }
  'pair.Proposal': {
    base: string
    by: Schemas['action.Person']
    diff: string
    draft: Schemas['action.Draft']
    granted?: boolean
    guarded?: Schemas['action.Guarded'][]
    id: string
    note?: string
    tests: number
    time: string
    touches?: Record<string, string>
  }
  'push.Browse': {
    browser: string
    created: string
    ends?: boolean
    id: string
    name: string
    problem?: string
    seen: string
    service: string
    told?: string
    until?: string
  }
  'push.NewBrowser': {
    browser?: string
    endpoint: string
    keys: {
      auth: string
      p256dh: string
    }
  }
  'push.Standing': {
    browsers: Schemas['push.Browse'][]
    key?: string
    why?: string
  }
  'record.Agent': {
    addr?: string
    id?: string
    name?: string
    roles?: string[]
    tags?: string[]
    user?: string
  }
  'record.Ask': {
    approvers?: string[]
    reason?: string
    rule?: string
  }
  'record.Part': {
    control?: boolean
    effects?: string
    facts?: unknown
  }
  'record.Record': {
    agent: Schemas['record.Agent']
    answer?: Schemas['action.Answer']
    asks?: Schemas['record.Ask'][]
    digest?: string
    dst?: string
    duration_ns?: number
    error?: string
    hash?: string
    hidden?: number
    host?: string
    id: string
    injected?: boolean
    kind: string
    method?: string
    missing?: number
    outcome?: string
    parts?: Schemas['record.Part'][]
    prev?: string
    protocol?: string
    reason?: string
    received?: number
    recorded: string
    rows?: number
    rule?: string
    sample?: string
    secret?: string
    sent?: number
    seq: number
    service?: string
    session?: string
    spent?: string[]
    status?: string
    summary?: string
    time: string
    trace?: unknown
    upstream?: string
    usage?: Schemas['action.Usage']
    verdict?: string
    would?: string[]
  }
  'report.Found': {
    at: string
    to: number
  }
  'report.Gap': {
    at?: string
    from: number
    to: number
    unproven?: number
  }
  'report.Problem': {
    seq?: number
    what: string
  }
  'request.Grant': {
    counted?: boolean
    kind: string
    left?: number
    revoked?: string
    until: string
  }
  'request.Need': {
    approver: string
    have?: string[]
    require: number
  }
  'request.Request': {
    again: boolean
    agent: string
    alike?: string
    answered?: string
    break_glass?: boolean
    brief?: boolean
    by?: string
    created: string
    digest?: string
    expires: string
    fulfilled?: string
    grant?: Schemas['request.Grant']
    hidden_bytes?: number
    host?: string
    id: string
    judges?: string[]
    kept?: boolean
    kind: string
    needs?: Schemas['request.Need'][]
    note?: string
    reasons?: string[]
    rules?: string[]
    sample?: string
    service: string
    session?: string
    state: string
    step_up?: boolean
    summary: string
    used?: string
    used_by?: string
    user?: string
    votes?: Schemas['request.Vote'][]
    waiting: number
    whole?: boolean
  }
  'request.Vote': {
    note?: string
    person: Schemas['action.Person']
    scope?: Schemas['scope.Scope']
    time: string
    yes: boolean
  }
  'route.Caller': {
    fresh: boolean
    from: string
    person: Schemas['action.Person']
    rights: ('viewer' | 'approver' | 'editor' | 'admin')[]
    session?: string
    shared?: boolean
  }
  'route.Nothing': Record<string, never>
  'route.Problem': {
    data?: unknown
    detail: string
    status: number
    title: string
    type?: string
  }
  'scope.Scope': {
    for?: number
    kind?: string
    times?: number
  }
  'services.Preset': {
    about: string
    auth?: string
    description: string
    hcl: string
    hosts: string[]
    name: string
    operations?: Record<string, string[]>
    posture: string
    probe?: string
    protocol: string
    secrets?: string[]
  }
  'services.Wish': {
    host?: string
    role?: string
  }
  'session.Ended': {
    connections: number
  }
  'session.Session': {
    actions: number
    agent: string
    asked?: number
    denied?: number
    failed?: number
    from: string
    id: string
    live: boolean
    services?: string[]
    to: string
    watchers?: string[]
  }
  'usage.Group': {
    cache_read: number
    cache_write: number
    cost_nano: number
    estimated?: number
    input: number
    key: string[]
    line?: Schemas['usage.Point'][]
    output: number
    reasoning: number
    requests: number
    rest?: number
    unpriced?: number
  }
  'usage.Point': {
    cost_nano: number
    requests: number
    tokens: number
  }
  'usage.Report': {
    by: string[]
    groups: Schemas['usage.Group'][]
    line?: Schemas['usage.Point'][]
    since: string
    step?: string
    times?: string[]
    total: Schemas['usage.Sum']
    unpriced?: Schemas['usage.Unpriced'][]
    until: string
  }
  'usage.Sum': {
    cache_read: number
    cache_write: number
    cost_nano: number
    estimated?: number
    input: number
    output: number
    reasoning: number
    requests: number
    unpriced?: number
  }
  'usage.Unpriced': {
    model: string
    provider: string
    requests: number
    tokens: number
  }
  'vault.Info': {
    by?: string
    created?: string
    expires?: string
    name: string
    older?: number[]
    problem?: string
    short?: boolean
    source: string
    used?: string
    version?: number
  }
  'views.State': {
    state: string
  }
  'views.View': {
    name: string
    saved: string
    state: string
  }
}

/** Routes are what can be asked of the API: what goes in, and what comes out. */
export interface Routes {
  'GET /actions': { in: null; out: Schemas['record.Record'][] }
  'GET /actions.har': { in: null; out: string }
  'GET /actions.jsonl': { in: null; out: string }
  'GET /actions/rows': { in: null; out: Schemas['dashboard.Row'][] }
  'GET /actions/{id}': { in: null; out: Schemas['record.Record'] }
  'GET /actions/{id}/whole': { in: null; out: Schemas['record.Record'] }
  'GET /actions/{id}/why': { in: null; out: Schemas['dashboard.Why'] }
  'GET /agents': { in: null; out: Schemas['dashboard.Agent'][] }
  'POST /agents': { in: Schemas['dashboard.Enrolment']; out: Schemas['dashboard.Enrolled'] }
  'POST /agents/freeze': { in: null; out: Schemas['route.Nothing'] }
  'POST /agents/unfreeze': { in: null; out: Schemas['route.Nothing'] }
  'DELETE /agents/{name}': { in: null; out: Schemas['route.Nothing'] }
  'GET /agents/{name}': { in: null; out: Schemas['dashboard.Agent'] }
  'POST /agents/{name}/approve': { in: Schemas['dashboard.Enrolment']; out: Schemas['dashboard.Agent'] }
  'POST /agents/{name}/freeze': { in: null; out: Schemas['route.Nothing'] }
  'POST /agents/{name}/rekey': { in: Schemas['dashboard.Enrolment']; out: Schemas['dashboard.Enrolled'] }
  'POST /agents/{name}/unfreeze': { in: null; out: Schemas['route.Nothing'] }
  'GET /alerts': { in: null; out: Schemas['alerts.State'] }
  'GET /approvals': { in: null; out: Schemas['request.Request'][] }
  'GET /approvals/{id}': { in: null; out: Schemas['request.Request'] }
  'POST /approvals/{id}/answer': { in: null; out: string }
  'POST /approvals/{id}/approve': { in: Schemas['inbox.Answer']; out: Schemas['request.Request'] }
  'POST /approvals/{id}/deny': { in: Schemas['inbox.Answer']; out: Schemas['request.Request'] }
  'GET /approvals/{id}/draft': { in: null; out: Schemas['action.Sketch'] }
  'GET /approvals/{id}/whole': { in: null; out: Schemas['inbox.Passage'] }
  'POST /audit/accept': { in: Schemas['dashboard.Acceptance']; out: Schemas['report.Gap'][] }
  'GET /audit/verify': { in: null; out: Schemas['dashboard.Verified'] }
  'POST /backup': { in: Schemas['dashboard.Sealing']; out: string }
  'GET /ca.pem': { in: null; out: string }
  'GET /connect/callback': { in: null; out: string }
  'GET /connect/done': { in: null; out: string }
  'GET /connect/{ticket}': { in: null; out: string }
  'GET /connections': { in: null; out: Schemas['connect.Connectable'][] }
  'POST /connections/{id}': { in: null; out: Schemas['connect.Connection'] }
  'POST /connections/{id}/address': { in: Schemas['connect.Brought']; out: Schemas['connect.Connection'] }
  'GET /docs': { in: null; out: Schemas['manual.Page'][] }
  'GET /docs/img/{picture}': { in: null; out: string }
  'GET /docs/{page}': { in: null; out: Schemas['manual.Text'] }
  'GET /events': { in: null; out: string }
  'GET /grants': { in: null; out: Schemas['request.Request'][] }
  'DELETE /grants/{id}': { in: null; out: Schemas['request.Request'] }
  'GET /judges': { in: null; out: Schemas['dashboard.Judge'][] }
  'POST /key/rotate': { in: null; out: Schemas['dashboard.VaultKey'] }
  'GET /login/oidc': { in: null; out: string }
  'GET /login/oidc/callback': { in: null; out: string }
  'GET /openapi.json': { in: null; out: string }
  'GET /operators': { in: null; out: Schemas['door.Operators'] }
  'POST /operators': { in: Schemas['door.NewOperator']; out: Schemas['account.Operator'] }
  'GET /operators/audit': { in: null; out: Schemas['deeds.Entry'][] }
  'DELETE /operators/{name}': { in: null; out: Schemas['route.Nothing'] }
  'PUT /operators/{name}/password': { in: Schemas['door.NewPassword']; out: Schemas['route.Nothing'] }
  'PUT /operators/{name}/rights': { in: Schemas['door.NewRights']; out: Schemas['account.Operator'] }
  'GET /outlets': { in: null; out: Schemas['outlet.Outlet'][] }
  'POST /outlets/{name}/test': { in: null; out: Schemas['route.Nothing'] }
  'GET /passkeys': { in: null; out: Schemas['door.PasskeyInfo'][] }
  'POST /passkeys': { in: Schemas['door.NewPasskey']; out: Schemas['route.Nothing'] }
  'POST /passkeys/challenge': { in: null; out: unknown }
  'DELETE /passkeys/{name}': { in: null; out: Schemas['route.Nothing'] }
  'GET /policy': { in: null; out: Schemas['action.SourceText'] }
  'POST /policy/apply': { in: Schemas['book.Proposal']; out: Schemas['book.Taken'] }
  'GET /policy/blocks': { in: null; out: Schemas['action.Declared'][] }
  'DELETE /policy/blocks/{kind}/{name}': { in: Schemas['book.Reason']; out: Schemas['book.Taken'] }
  'GET /policy/blocks/{kind}/{name}': { in: null; out: Schemas['book.Standing'] }
  'PUT /policy/blocks/{kind}/{name}': { in: Schemas['book.Content']; out: Schemas['book.Taken'] }
  'POST /policy/check': { in: Schemas['action.Draft']; out: Schemas['action.Preview'] }
  'POST /policy/complete': { in: Schemas['book.Place']; out: Schemas['book.Completion'] }
  'GET /policy/files/{file}': { in: null; out: Schemas['action.SourceFile'] }
  'PUT /policy/files/{file}': { in: Schemas['book.Text']; out: Schemas['book.Taken'] }
  'POST /policy/format': { in: Schemas['book.Sheets']; out: Schemas['book.Sheets'] }
  'GET /policy/history': { in: null; out: Schemas['action.Revision'][] }
  'GET /policy/history/{number}': { in: null; out: Schemas['action.Revision'] }
  'POST /policy/history/{number}/rollback': { in: Schemas['book.Reason']; out: Schemas['book.Taken'] }
  'POST /policy/impact': { in: Schemas['book.Question']; out: Schemas['action.Impact'] }
  'GET /policy/proposals': { in: null; out: Schemas['pair.Proposal'][] }
  'DELETE /policy/proposals/{id}': { in: Schemas['book.Reason']; out: Schemas['route.Nothing'] }
  'GET /policy/proposals/{id}': { in: null; out: Schemas['book.Pending'] }
  'POST /policy/proposals/{id}/apply': { in: null; out: Schemas['book.Taken'] }
  'GET /presets': { in: null; out: Schemas['services.Preset'][] }
  'GET /push': { in: null; out: Schemas['push.Standing'] }
  'POST /push': { in: Schemas['push.NewBrowser']; out: Schemas['push.Browse'] }
  'DELETE /push/{id}': { in: null; out: Schemas['route.Nothing'] }
  'POST /push/{id}/test': { in: null; out: Schemas['push.Browse'] }
  'GET /roles': { in: null; out: Schemas['dashboard.Role'][] }
  'GET /secrets': { in: null; out: Schemas['vault.Info'][] }
  'DELETE /secrets/{name}': { in: null; out: Schemas['route.Nothing'] }
  'PUT /secrets/{name}': { in: Schemas['dashboard.SecretValue']; out: Schemas['dashboard.SecretSet'] }
  'POST /secrets/{name}/connect': { in: Schemas['connect.Wish']; out: Schemas['connect.Connection'] }
  'POST /secrets/{name}/rollback': { in: null; out: Schemas['route.Nothing'] }
  'GET /services': { in: null; out: Schemas['dashboard.Service'][] }
  'POST /services/{name}/test': { in: Schemas['services.Wish']; out: Schemas['action.Contact'] }
  'DELETE /session': { in: null; out: string }
  'GET /session': { in: null; out: Schemas['door.Standing'] }
  'POST /session': { in: Schemas['door.Credentials']; out: Schemas['route.Caller'] }
  'POST /session/passkey': { in: unknown; out: Schemas['route.Caller'] }
  'POST /session/passkey/challenge': { in: null; out: unknown }
  'POST /session/step-up': { in: Schemas['door.Proof']; out: Schemas['route.Caller'] }
  'GET /sessions': { in: null; out: Schemas['session.Session'][] }
  'POST /sessions/{id}/end': { in: null; out: Schemas['session.Ended'] }
  'POST /setup': { in: Schemas['door.Setup']; out: Schemas['route.Caller'] }
  'POST /setup/link': { in: Schemas['door.Link']; out: Schemas['door.LinkState'] }
  'GET /status': { in: null; out: Schemas['dashboard.Status'] }
  'GET /store': { in: null; out: Schemas['holding.Holding'] }
  'POST /tailnet/logout': { in: null; out: Schemas['route.Nothing'] }
  'GET /tokens': { in: null; out: Schemas['account.Token'][] }
  'POST /tokens': { in: Schemas['door.NewToken']; out: Schemas['door.Issued'] }
  'DELETE /tokens/{name}': { in: null; out: Schemas['route.Nothing'] }
  'GET /usage': { in: null; out: Schemas['usage.Report'] }
  'GET /views': { in: null; out: Schemas['views.View'][] }
  'DELETE /views/{name}': { in: null; out: Schemas['route.Nothing'] }
  'PUT /views/{name}': { in: Schemas['views.State']; out: Schemas['views.View'] }
}
