package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

func seeded(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// browser is a console with a client that keeps cookies and follows no redirect.
type browser struct {
	t      testing.TB
	office *office
	server *httptest.Server
	client *http.Client
	log    strings.Builder
}

func newBrowser(t testing.TB) *browser {
	b := &browser{t: t}
	var err error
	b.office, err = newWorld(context.Background(), "social.example", time.Now())
	require.NoError(t, err)
	b.server = httptest.NewServer(newConsole(b.office, &b.log))
	t.Cleanup(b.server.Close)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	b.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b
}

func (b *browser) do(r *http.Request) (*http.Response, string) {
	answer, err := b.client.Do(r)
	require.NoError(b.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(b.t, err)
	return answer, string(body)
}

func (b *browser) get(path string) (int, string) {
	r, err := http.NewRequest(http.MethodGet, b.server.URL+path, nil)
	require.NoError(b.t, err)
	answer, body := b.do(r)
	return answer.StatusCode, body
}

func (b *browser) post(path string, form url.Values) (*http.Response, string) {
	r, err := http.NewRequest(http.MethodPost, b.server.URL+path, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

var tokenField = regexp.MustCompile(`name="token" value="([0-9a-f]{64})"`)

func (b *browser) token() string {
	_, body := b.get("/help")
	found := tokenField.FindStringSubmatch(body)
	require.NotNil(b.t, found)
	return found[1]
}

func (b *browser) queue() []cases.Case {
	all, err := b.office.hearings.Queue(context.Background(), 1000)
	require.NoError(b.t, err)
	return all
}

// first gives the first open case of a kind that nobody has in hand.
func (b *browser) first(k cases.CaseKind) cases.Case {
	all := b.queue()
	i := slices.IndexFunc(all, func(c cases.Case) bool { return c.Kind == k && c.Holder == "" })
	require.GreaterOrEqual(b.t, i, 0)
	return all[i]
}

// sign says who sits there, and gives the token of forms.
func (b *browser) sign(name string) string {
	token := b.token()
	answer, body := b.post("/person", url.Values{"token": {token}, "person": {name}, "back": {"/queue"}})
	require.Equal(b.t, http.StatusSeeOther, answer.StatusCode, body)
	return token
}

func (b *browser) paths() []string {
	paths := []string{"/queue", "/appeals", "/partners", "/help", "/queue?done=upheld"}
	closed, err := b.office.hearings.Closed(context.Background(), time.Time{}, 1000)
	require.NoError(b.t, err)
	for _, c := range append(b.queue(), closed...) {
		paths = append(paths, "/case/"+c.ID.String())
	}
	return paths
}

// Every page is well-formed, and what a reader by ear or by keyboard needs is there.
func TestPages(t *testing.T) {
	b := newBrowser(t)
	token := b.sign("Agatha")
	c := b.first(cases.Review)
	answer, body := b.post("/case/"+c.ID.String()+"/claim", url.Values{"token": {token}})
	require.Equal(t, http.StatusSeeOther, answer.StatusCode, body)
	for _, path := range b.paths() {
		status, body := b.get(path)
		require.Equal(t, http.StatusOK, status, path)
		checkHTML(t, path, body)
	}
	_, body = b.get("/case/" + c.ID.String())
	for _, want := range []string{"Uphold as Agatha", "Overturn as Agatha", "Change as Agatha", c.Decision.Reason[:20], c.Decision.Rule,
		c.Decision.Signals[0].String(), `data-key="u"`, `data-key="o"`, `data-key="x"`} {
		require.Contains(t, body, want)
	}
	_, body = b.get("/partners")
	for _, want := range []string{"market.example", "bank.example", "messenger.example", "0.65"} {
		require.Contains(t, body, want)
	}
	status, body := b.get("/case/" + uuid.NewString())
	require.Equal(t, http.StatusNotFound, status)
	checkHTML(t, "problem", body)
	for _, path := range []string{"/case/x", "/case/" + strings.ReplaceAll(c.ID.String(), "-", "")} {
		status, _ = b.get(path)
		require.Equal(t, http.StatusNotFound, status)
	}
	require.Empty(t, b.log.String())
}

// checkHTML reads a page strictly: every element is closed, ids are there once, every field has a
// label, tables have captions and their heads a scope, there is one h1, and nothing comes from
// elsewhere or is inline.
func checkHTML(t testing.TB, path, body string) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.Entity = xml.HTMLEntity
	ids, labels, fields := map[string]bool{}, map[string]bool{}, []string{}
	count := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, path)
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		count[e.Name.Local]++
		attr := map[string]string{}
		for _, a := range e.Attr {
			attr[a.Name.Local] = a.Value
			require.False(t, strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "style", "%s: %s", path, a.Name.Local)
			if a.Name.Local == "href" || a.Name.Local == "src" || a.Name.Local == "action" {
				require.Regexp(t, `^(/[^/]|/$|#)`, a.Value, path)
			}
		}
		if id := attr["id"]; id != "" {
			require.False(t, ids[id], "%s: %s is there twice", path, id)
			ids[id] = true
		}
		switch e.Name.Local {
		case "html":
			require.Equal(t, "en", attr["lang"])
		case "label":
			labels[attr["for"]] = true
		case "input", "select", "textarea":
			if attr["type"] != "hidden" {
				fields = append(fields, attr["id"])
			}
		case "th":
			require.NotEmpty(t, attr["scope"], path)
		case "form":
			require.Equal(t, "post", attr["method"])
		case "meter":
			require.NotEmpty(t, attr["aria-label"])
		}
	}
	for _, f := range fields {
		require.True(t, f != "" && labels[f], "%s: a field without a label", path)
	}
	for l := range labels {
		require.True(t, ids[l], "%s: a label of nothing", path)
	}
	require.Equal(t, 1, count["h1"], path)
	require.Equal(t, 1, count["main"], path)
	require.Equal(t, count["table"], count["caption"], path)
	require.Equal(t, 1, count["script"], path)
}

// The step of a person, from the page to what is in force.
func TestAnswers(t *testing.T) {
	b := newBrowser(t)
	ctx := context.Background()
	c := b.first(cases.Review)
	at := "/case/" + c.ID.String()
	_, body := b.get(at)
	require.Contains(t, body, "Say first who you are")
	answer, _ := b.post(at+"/claim", url.Values{"token": {b.token()}})
	require.Equal(t, http.StatusUnprocessableEntity, answer.StatusCode)

	token := b.sign("Agatha")
	answer, _ = b.post(at+"/claim", url.Values{"token": {token}})
	require.Equal(t, at+"?done=claimed", answer.Header.Get("Location"))
	held, err := b.office.hearings.Case(ctx, c.ID)
	require.NoError(t, err)
	version := strconv.FormatUint(held.Version, 10)
	for name, form := range map[string]url.Values{
		"no outcome": {}, "no ground": {"outcome": {"overturned"}}, "words": {"outcome": {"<b>"}},
		"no step": {"outcome": {"changed"}, "days": {"3"}}, "no days": {"outcome": {"changed"}, "step": {"limit"}},
		"days": {"outcome": {"changed"}, "step": {"limit"}, "days": {"9999"}}, "for ever": {"outcome": {"changed"}, "step": {"limit"}, "for_ever": {"yes"}},
	} {
		form.Set("token", token)
		form.Set("version", version)
		answer, body := b.post(at+"/resolve", form)
		require.Equal(t, http.StatusUnprocessableEntity, answer.StatusCode, name)
		require.NotContains(t, body, "<b>")
		checkHTML(t, name, body)
	}
	answer, _ = b.post(at+"/resolve", url.Values{"token": {token}, "version": {"77"}, "outcome": {"upheld"}})
	require.Equal(t, http.StatusConflict, answer.StatusCode)
	answer, _ = b.post(at+"/resolve", url.Values{"token": {token}, "version": {version}, "outcome": {"overturned"}, "ground": {"wrong_signal"}})
	require.Equal(t, at+"?done=overturned", answer.Header.Get("Location"))
	_, body = b.get(at + "?done=overturned")
	require.Contains(t, body, "overturned by Agatha")
	require.Contains(t, body, "Overturned and recorded.")
	require.NoError(t, b.office.store.View(ctx, func(r abuse.Reader) error {
		_, under, err := b.office.desk.InForce(r, c.Decision.Account, time.Now())
		require.False(t, under)
		return err
	}))

	contested := b.first(cases.Contested)
	at = "/case/" + contested.ID.String()
	b.post(at+"/claim", url.Values{"token": {token}})
	_, body = b.get(at)
	require.Contains(t, body, "Our signal is wrong")
	answer, _ = b.post(at+"/release", url.Values{"token": {token}, "version": {"1"}})
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	b.post(at+"/claim", url.Values{"token": {token}})
	answer, _ = b.post(at+"/resolve", url.Values{"token": {token}, "version": {"3"}, "outcome": {"upheld"}})
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	for _, name := range []string{"", "+33 6 12 34 56 78", "<script>", "a\x00"} {
		answer, body := b.post("/person", url.Values{"token": {token}, "person": {name}})
		if name == "<script>" { // is a name, if an odd one; it must not become an element
			_, body = b.get("/queue")
			require.NotContains(t, body, "<script>")
			checkHTML(t, "name", body)
			continue
		}
		require.Equal(t, http.StatusUnprocessableEntity, answer.StatusCode, "%q", name)
		require.NotContains(t, body, "12 34")
	}
	require.Empty(t, b.log.String())
}

// A form of somebody else's changes nothing, and neither does one without the session.
func TestForgery(t *testing.T) {
	b := newBrowser(t)
	token := b.sign("Agatha")
	c := b.first(cases.Review)
	at := "/case/" + c.ID.String() + "/claim"
	other := newBrowser(t).sign("Ben")
	for name, form := range map[string]url.Values{
		"none": {}, "empty": {"token": {""}}, "another's": {"token": {other}}, "in the address alone": {"tokens": {token}},
	} {
		answer, _ := b.post(at, form)
		require.Equal(t, http.StatusForbidden, answer.StatusCode, name)
	}
	answer, _ := b.post(at+"?token="+token, nil)
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
	r, err := http.NewRequest(http.MethodPost, b.server.URL+at, strings.NewReader(url.Values{"token": {token}}.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, _ = b.do(r)
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
	status, _ := b.get(at)
	require.Equal(t, http.StatusMethodNotAllowed, status)
	answer, _ = b.post(at, url.Values{"token": {token}, "much": {strings.Repeat("x", maxForm)}})
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
	held, err := b.office.hearings.Case(context.Background(), c.ID)
	require.NoError(t, err)
	require.Empty(t, held.Holder)
}

func TestHostsAndHeaders(t *testing.T) {
	b := newBrowser(t)
	for host, status := range map[string]int{"evil.example": 421, "evil.example:80": 421, "127.0.0.1.evil.example": 421, "10.0.0.1": 421,
		"localhost": 200, "127.0.0.1:1": 200, "[::1]:8642": 200, "LOCALHOST:9": 200, "0.0.0.0": 421, "127.0.0.1@evil.example": 421} {
		r, err := http.NewRequest(http.MethodGet, b.server.URL+"/queue", nil)
		require.NoError(t, err)
		r.Host = host
		answer, body := b.do(r)
		require.Equal(t, status, answer.StatusCode, host)
		require.Equal(t, policyHeader, answer.Header.Get("Content-Security-Policy"))
		require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
		if status == 421 {
			require.NotContains(t, body, "example.com")
			require.NotContains(t, body, "<")
		}
		for _, cookie := range answer.Cookies() {
			require.True(t, cookie.HttpOnly)
			require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
		}
	}
}

// No page shows what looks like an identifier, also where a service has given its users' numbers as
// references to their accounts.
func TestNoIdentifier(t *testing.T) {
	b := newBrowser(t)
	w := &world{office: b.office, clock: &worldClock{}, r: seeded(t), now: time.Now().UTC()}
	w.made = 1000
	numbers := []string{"+33612345678", "0612345678", "+1 (212) 555-0199", "490154203237518", "anna@mail.example", "tel:+33612345678", "061-2345", "user-33612345678", "(06) 12.34.56.78"}
	for _, ref := range numbers {
		d, err := w.decide(context.Background(), ref, w.signal("bank.example"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, d.Action, abuse.Suspend)
		_, err = b.office.hearings.Open(context.Background(), ref, d.ID)
		require.NoError(t, err)
	}
	b.sign("Agatha")
	for _, path := range append(b.paths(), "/figures", "/console.js", "/console.css") {
		_, body := b.get(path)
		for _, ref := range numbers {
			require.NotContains(t, body, ref, path)
			require.NotContains(t, body, "33612345678", path)
			require.NotContains(t, body, "555-0199", path)
		}
	}
	for _, ref := range []string{"member-17", "u_8f3k2", "019a5700-0000-7000-8000-000000000001", "3fa85f6457174562b3fc2c963f66afa6", "anna"} {
		require.Equal(t, ref, account(ref))
	}
}

// Text and what it stands on differ by 4.5 to 1 at least in both schemes (WCAG 2.2, 1.4.3, relative
// luminance as defined there).
func TestContrast(t *testing.T) {
	body, err := assets.ReadFile("assets/console.css")
	require.NoError(t, err)
	light, dark, ok := strings.Cut(string(body), "@media (prefers-color-scheme: dark)")
	require.True(t, ok)
	colour := regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`)
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		c := map[string]float64{}
		for _, m := range colour.FindAllStringSubmatch(css, -1) {
			n, err := strconv.ParseUint(m[2], 16, 32)
			require.NoError(t, err)
			l := 0.0
			for i, weight := range []float64{.2126, .7152, .0722} {
				v := float64(n>>(16-8*i)&255) / 255
				if v <= .04045 {
					v /= 12.92
				} else {
					v = math.Pow((v+.055)/1.055, 2.4)
				}
				l += weight * v
			}
			c[m[1]] = l
		}
		require.Len(t, c, 10, scheme)
		for _, pair := range [][2]string{{"ink", "paper"}, {"quiet", "paper"}, {"link", "paper"}, {"late", "paper"}, {"done", "paper"},
			{"on-button", "button"}, {"ink", "band"}, {"quiet", "band"}, {"link", "band"}, {"late", "band"}} {
			a, b := max(c[pair[0]], c[pair[1]]), min(c[pair[0]], c[pair[1]])
			require.GreaterOrEqual(t, (a+.05)/(b+.05), 4.5, fmt.Sprint(scheme, pair))
		}
		a, b := max(c["line"], c["paper"]), min(c["line"], c["paper"])
		require.GreaterOrEqual(t, (a+.05)/(b+.05), 3.0, "%s: the edges of fields (1.4.11)", scheme)
	}
}

// Every key that the help names goes somewhere on some page, and every key on a page is named.
func TestKeysAreDocumented(t *testing.T) {
	b := newBrowser(t)
	token := b.sign("Agatha")
	c := b.first(cases.Review)
	_, before := b.get("/case/" + c.ID.String())
	b.post("/case/"+c.ID.String()+"/claim", url.Values{"token": {token}})
	_, after := b.get("/case/" + c.ID.String())
	_, help := b.get("/help")
	on := map[string]bool{"j": true, "k": true}
	for _, m := range regexp.MustCompile(`data-key="(.)"`).FindAllStringSubmatch(before+after, -1) {
		on[m[1]] = true
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`<kbd>(.)</kbd>`).FindAllStringSubmatch(help, -1) {
		named[m[1]] = true
	}
	require.Equal(t, on, named)
}
