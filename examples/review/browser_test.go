package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"html"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/cases"
)

// drive.js plays a person at the keyboard, and leaves what came of it as attributes of the page.
//
//go:embed testdata/drive.js
var drive string

// chromium gives the path of a browser, or skips the test.
func chromium(t testing.TB) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell", "chrome-headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed here")
	return ""
}

// dump loads a page in a real browser, lets its script run, and gives what has become of it.
func dump(t testing.TB, browser, url string, more ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-dev-shm-usage", "--user-data-dir=" + t.TempDir(), "--timeout=20000", "--virtual-time-budget=4000", "--dump-dom"}, more...)
	out, err := exec.CommandContext(ctx, browser, append(args, url)...).Output()
	require.NoError(t, err)
	return string(out)
}

// A real browser: under the console's own content security policy the style sheet and the script
// load, the figures come in live, and the keys do what the help says.
func TestInChromium(t *testing.T) {
	path := chromium(t)
	office, err := newWorld(context.Background(), "social.example", time.Now())
	require.NoError(t, err)
	b := &browser{t: t, office: office}
	c := b.first(cases.Review)
	_, err = office.hearings.Claim(context.Background(), c.ID, "Agatha")
	require.NoError(t, err)

	inner := newConsole(office, &b.log)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drive.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(drive))
			return
		}
		// The browser has no cookies of its own: it is Agatha who sits there.
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: strings.Repeat("ab", 32)})
		r.AddCookie(&http.Cookie{Name: personCookie, Value: base64.RawURLEncoding.EncodeToString([]byte("Agatha"))})
		record := httptest.NewRecorder()
		inner.ServeHTTP(record, r)
		for name, values := range record.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(record.Code)
		body := strings.Replace(record.Body.String(), "</head>", `<script src="/drive.js" defer="defer"></script></head>`, 1)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()

	attribute := func(page, name string) string {
		found := regexp.MustCompile(`<html[^>]* data-` + name + `="([^"]*)"`).FindStringSubmatch(page)
		require.NotNil(t, found, "%s of %.300s", name, page)
		return html.UnescapeString(found[1])
	}
	for _, scheme := range []string{"light", "dark"} {
		more := []string{"--blink-settings=preferredColorScheme=1"}
		if scheme == "dark" {
			more = []string{"--blink-settings=preferredColorScheme=0"}
		}
		page := dump(t, path, server.URL+"/queue", more...)
		require.Equal(t, "yes", attribute(page, "live"), "the figures came in")
		require.Equal(t, scheme, attribute(page, "scheme"))
		paper := map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(20, 21, 26)"}[scheme]
		require.Equal(t, paper, attribute(page, "paper"), "the style sheet is used")
		require.Equal(t, "0,1,2,1", attribute(page, "jk"), "j and k go through the list")
		require.Equal(t, "yes", attribute(page, "typing"), "letters are letters in a field")
		require.Equal(t, "/queue", attribute(page, "path"))
		require.Equal(t, "none", attribute(page, "violations"))
	}
	page := dump(t, path, server.URL+"/case/"+c.ID.String())
	require.Equal(t, "u:BUTTON o:SELECT x:SELECT r:BUTTON n:INPUT", attribute(page, "keys"))
	require.Contains(t, page, "Uphold as Agatha")
	require.Equal(t, "none", attribute(page, "violations"))
	require.Equal(t, "yes", attribute(page, "inside"), "nothing is wider than the window but what scrolls by itself")
	held, err := office.hearings.Case(context.Background(), c.ID)
	require.NoError(t, err)
	require.Zero(t, held.Outcome, "no letter alone answers a case")
	require.Empty(t, b.log.String())
}
