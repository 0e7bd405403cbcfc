// Runs the HTTP cache tests (npm package http-cache-tests) against a server: node run.mjs SUITE URL [ID]
// prints one line for each test, sorted: kind, result, id, reason.
const [, , suite, base, only] = process.argv
const at = path => import(`${suite}/${path}`)
const { runTests, getResults } = await at('client/runner.mjs')
const { default: fetch } = await at('../node-fetch/lib/index.mjs')
const { default: suites } = await at('tests/index.mjs')

const wanted = only
  ? suites.map(s => ({ ...s, tests: s.tests.filter(t => t.id === only) })).filter(s => s.tests.length)
  : suites
for (const s of wanted) for (const t of s.tests) if (only) t.dump = true
await runTests(wanted, fetch, false, base)
const results = getResults()

// A test that builds on another one says nothing if that one failed.
const depends = (t) => (t.depends_on || []).some(id => results[id] !== true)
const lines = []
for (const s of wanted) {
  for (const t of s.tests) {
    if (t.browser_only || !(t.id in results)) continue
    const result = results[t.id]
    const kind = t.kind || 'required'
    const word = result === true ? 'pass' : !only && depends(t) ? 'depends' : result[0] === 'Setup' ? 'setup' : 'fail'
    lines.push([kind, word, t.id, result === true ? '' : String(result[1]).replace(/\s+/g, ' ')].join('\t'))
  }
}
console.log(lines.sort().join('\n'))
