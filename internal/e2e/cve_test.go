package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// advisory is a published fault of a server like this one. Either tests hold what it taught (their names, without
// "TestCVE_"), or absent says why it cannot happen here.
type advisory struct {
	name   string
	tests  []string
	absent string
}

// advisories are the CVEs, advisories and unfixed issues of uWSGI, its front servers, gunicorn, waitress, cheroot,
// werkzeug, mod_wsgi, NGINX Unit, nginx, Apache, HAProxy, Go and fasthttp of the last decade that concern what this
// program does.
var advisories = []advisory{
	{"uWSGI CVE-2018-6758", []string{"2018_6758_LongPaths"}, ""},
	{"uWSGI CVE-2018-7490", []string{"2018_7490_StaticTraversal"}, ""},
	{"uWSGI 2.0.21 static-map", []string{"2018_7490_StaticTraversal"}, ""},
	{"uWSGI issue 2491", []string{"uWSGI_2491_MagicVariables"}, ""},
	{"uWSGI issue 2336", []string{"uWSGI_2336_UnreadBodyIsNoPacket"}, ""},
	{"mod_proxy_uwsgi CVE-2020-11984", []string{"2020_11984_BlockLengthOverflow"}, ""},
	{"mod_proxy_uwsgi CVE-2021-36160", []string{"2021_36160_LongURIThroughApache"}, ""},
	{"mod_proxy_uwsgi CVE-2023-27522", []string{"2018_1000164_ResponseSplitting"}, ""},
	{"mod_proxy_uwsgi CVE-2024-24795", []string{"2018_1000164_ResponseSplitting"}, ""},
	{"gunicorn CVE-2018-1000164", []string{"2018_1000164_ResponseSplitting"}, ""},
	{"gunicorn CVE-2024-1135", []string{"2024_1135_TransferEncodingFallback"}, ""},
	{"gunicorn CVE-2024-6827", []string{"2024_1135_TransferEncodingFallback"}, ""},
	{"gunicorn HEAD of 2026-08", []string{"gunicorn_2026_08_UnicodeBlanks"}, ""},
	{"waitress CVE-2019-16785", []string{"2019_16785_LoneLineFeed"}, ""},
	{"waitress CVE-2019-16786", []string{"2024_1135_TransferEncodingFallback"}, ""},
	{"waitress CVE-2019-16789", []string{"2019_16789_ExoticBlanks"}, ""},
	{"waitress CVE-2019-16792", []string{"2019_16792_TwoLengths"}, ""},
	{"waitress CVE-2022-24761", []string{"2022_24761_PythonNumbers", "2022_24761_PythonNumbersInPackets"}, ""},
	{"waitress CVE-2024-49768", []string{"2024_49768_PipelinedAfterTheEnd"}, ""},
	{"waitress CVE-2024-49769", []string{"2024_49769_HalfOpenSockets"}, ""},
	{"waitress CVE-2022-31015", []string{"2024_49769_HalfOpenSockets"}, ""},
	{"waitress CVE-2020-5236", []string{"2020_5236_CostOfFields"}, ""},
	{"cheroot issue 714", []string{"cheroot_714_BlankBeforeColon"}, ""},
	{"cheroot SystemExit", []string{"cheroot_SystemExit"}, ""},
	{"werkzeug CVE-2023-25577", []string{"2023_25577_BodiesAreNotParsed"}, ""},
	{"werkzeug CVE-2023-46136", []string{"2023_25577_BodiesAreNotParsed"}, ""},
	{"werkzeug CVE-2024-49767", []string{"2023_25577_BodiesAreNotParsed"}, ""},
	{"werkzeug CVE-2024-34069", nil, "there is no debugger: what an application raises goes to the log, and the client gets a fixed page"},
	{"werkzeug safe_join device names", []string{"werkzeug_SpecialFiles"}, ""},
	{"mod_wsgi CVE-2022-2255", []string{"2022_2255_ForwardingFieldsOfStrangers"}, ""},
	{"httpoxy CVE-2016-5385", []string{"2016_5385_Httpoxy"}, ""},
	{"NGINX Unit CVE-2019-7401", []string{"2019_7401_HostileWorker"}, ""},
	{"NGINX Unit CVE-2025-1695", nil, "no Java language module and no WebSocket: an Upgrade is not answered"},
	{"nginx CVE-2017-7529", []string{"2017_7529_RangeOverflow"}, ""},
	{"nginx CVE-2019-20372", []string{"2019_20372_ErrorAnswersToBodies"}, ""},
	{"nginx CVE-2021-23017", nil, "no name is resolved for a request, and there is no DNS client of ours"},
	{"Go CVE-2023-39326", []string{"2023_39326_CostOfChunkExtensions"}, ""},
	{"Go CVE-2025-22871", []string{"2025_22871_LoneLineFeedInChunks"}, ""},
	{"HAProxy CVE-2023-40225", []string{"2023_40225_EmptyLength"}, ""},
	{"HAProxy CVE-2023-25725", []string{"2023_25725_EmptyName"}, ""},
	{"Apache CVE-2011-3192", []string{"2011_3192_ManyRanges"}, ""},
	{"fasthttp CVE-2022-21221", []string{"2018_7490_StaticTraversal"}, ""},
	{"fasthttp 1703, 1719, 1785, 1794, 2303", []string{"fasthttp_Leniency"}, ""},
	{"fasthttp 1761", nil, "no HTTP client of ours connects to a host that a request names; a comma is right in a Host (RFC 3986 section 3.2.2)"},
	{"fasthttp vulndb 4950", []string{"2018_7490_StaticTraversal"}, ""},
	{"fasthttp 2368, 2336", []string{"fasthttp_2368_UnreadBodyIsNoRequest"}, ""},
}

// TestCVETableIsComplete: a test that is named is there, and every test that is there is named.
func TestCVETableIsComplete(t *testing.T) {
	written := map[string]bool{}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasPrefix(file.Name(), "cve_") {
			collectTests(t, file.Name(), written)
		}
	}
	named := map[string]bool{}
	for _, a := range advisories {
		if (len(a.tests) == 0) == (a.absent == "") {
			t.Errorf("%s needs either a test or a reason", a.name)
		}
		for _, name := range a.tests {
			named[name] = true
			if !written[name] {
				t.Errorf("%s: there is no TestCVE_%s", a.name, name)
			}
		}
	}
	for name := range written {
		if !named[name] {
			t.Errorf("TestCVE_%s belongs to no advisory", name)
		}
	}
}

func collectTests(t *testing.T, path string, found map[string]bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, declared := range file.Decls {
		if f, ok := declared.(*ast.FuncDecl); ok {
			if name, is := strings.CutPrefix(f.Name.Name, "TestCVE_"); is {
				found[name] = true
			}
		}
	}
}

// smuggled is the request that the attacks hide behind another one.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

// attack is bytes that another server misread, and how this one ends them.
type attack struct {
	name   string
	wire   string
	status int
}

// exchangeRaw sends bytes and gives everything that comes back until the connection ends.
func exchangeRaw(t testing.TB, c testkit.Client, wire string) string {
	t.Helper()
	exchange, err := c.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exchange.Close() }()
	_ = exchange.SetDeadline(time.Now().Add(callTimeout))
	if _, err = io.WriteString(exchange, wire); err != nil {
		t.Fatal(err)
	}
	closeWrite(t, exchange)
	all, err := io.ReadAll(exchange.Reader)
	if err != nil {
		t.Fatalf("%v after %q", err, clip(all))
	}
	return string(all)
}

// seen takes what reached the application since the last time.
func seen(t testing.TB, s *testkit.Server) string {
	t.Helper()
	return strings.Join(decode[[]string](t, testkit.HTTPClient(s.HTTP).Get(t, "/seen")), ", ")
}

// checkRefused sends attacks that must be refused with their status, once, before the application has seen anything, and
// whatever follows on the connection must not be read as a request.
func checkRefused(t *testing.T, s *testkit.Server, attacks []attack) {
	c := testkit.HTTPClient(s.HTTP)
	// The proof that a second request would be noticed: behind a harmless one it is served.
	seen(t, s)
	exchangeRaw(t, c, "POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"+smuggled)
	if got := seen(t, s); got != "POST /first, body b'ab', GET /smuggled, body b''" {
		t.Fatalf("harmless requests: %s", got)
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			got := exchangeRaw(t, c, a.wire)
			if firstStatus(got) != a.status || strings.Count(got, "\r\nDate: ") != 1 {
				t.Errorf("want one answer %d, got %q", a.status, got)
			}
			if reached := seen(t, s); reached != "" {
				t.Errorf("the application saw %s", reached)
			}
		})
	}
}

// firstStatus gives the status of the first answer in some text, 0 when there is none.
func firstStatus(text string) (status int) {
	if code, is := strings.CutPrefix(text, "HTTP/1.1 "); is && len(code) > 3 {
		for _, digit := range code[:3] {
			status = status*10 + int(digit-'0')
		}
	}
	return status
}
