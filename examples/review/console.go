package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

//go:embed assets
var assets embed.FS

// policyHeader is the content security policy: nothing from elsewhere, no inline script or style, no
// frame around it, and forms that go nowhere else.
const policyHeader = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Cookies. The session has no meaning but to be secret: the token of forms is made of it.
const (
	sessionCookie = "review_session"
	personCookie  = "review_person"
)

// maxForm is the greatest size of a form, in bytes.
const maxForm = 8 << 10

type console struct {
	office *office
	log    io.Writer
	key    []byte // of form tokens: a restart makes open forms void
	pages  *template.Template
}

func newConsole(o *office, log io.Writer) http.Handler {
	c := &console{office: o, log: log, key: make([]byte, 32)}
	if _, err := rand.Read(c.key); err != nil {
		panic(err) // it never gives one
	}
	c.pages = template.Must(template.New("").Funcs(words).ParseFS(assets, "assets/*.html"))
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", http.RedirectHandler("/queue", http.StatusSeeOther))
	mux.HandleFunc("GET /queue", c.page(c.queue))
	mux.HandleFunc("GET /appeals", c.page(c.appeals))
	mux.HandleFunc("GET /partners", c.page(c.partners))
	mux.HandleFunc("GET /help", c.page(c.help))
	mux.HandleFunc("GET /case/{id}", c.page(c.showCase))
	mux.HandleFunc("GET /figures", c.liveFigures)
	mux.HandleFunc("POST /person", c.form(c.setPerson))
	mux.HandleFunc("POST /case/{id}/claim", c.form(c.claim))
	mux.HandleFunc("POST /case/{id}/release", c.form(c.release))
	mux.HandleFunc("POST /case/{id}/resolve", c.form(c.resolve))
	mux.HandleFunc("GET /console.css", asset("console.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /console.js", asset("console.js", "text/javascript; charset=utf-8"))
	return c.guard(http.NewCrossOriginProtection().Handler(mux))
}

func asset(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := assets.ReadFile("assets/" + name)
		if err != nil {
			http.Error(w, "not there", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body)
	}
}

// guard refuses a Host that is not a loopback address: a page elsewhere whose name was made to point
// here (DNS rebinding) would send its own. It sets the headers that every answer has.
func (c *console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policyHeader)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !loopback(r.Host) {
			http.Error(w, "this console is for loopback addresses alone", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// visitor is who asks.
type visitor struct {
	session string
	Person  string // as he calls himself; empty: not said yet
	Token   string // of forms
}

// visitor gives who asks, with a new session if there is none.
func (c *console) visitor(w http.ResponseWriter, r *http.Request) visitor {
	v := visitor{}
	if cookie, err := r.Cookie(sessionCookie); err == nil && len(cookie.Value) == 64 {
		v.session = cookie.Value
	} else if w != nil {
		secret := make([]byte, 32)
		if _, err := rand.Read(secret); err != nil {
			panic(err) // it never gives one
		}
		v.session = hex.EncodeToString(secret)
		setCookie(w, sessionCookie, v.session)
	}
	if cookie, err := r.Cookie(personCookie); err == nil {
		if name, err := base64.RawURLEncoding.DecodeString(cookie.Value); err == nil && cases.CheckReviewer(string(name)) == nil {
			v.Person = string(name)
		}
	}
	v.Token = c.token(v.session)
	return v
}

func setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

func (c *console) token(session string) string {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(session))
	return hex.EncodeToString(mac.Sum(nil))
}

// page is what every page has. The templates are named as the pages.
type page struct {
	Name, Title string
	Visitor     visitor
	Figures     figures
	Done        string // what the last form came to
	Problem     string
	Back        string // where the form of the name comes back to
	Body        any
}

// page shows what f gives.
func (c *console) page(f func(*http.Request, *page) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := &page{Visitor: c.visitor(w, r), Done: doneWords[r.URL.Query().Get("done")], Back: r.URL.Path}
		var err error
		p.Figures, err = c.office.figures(r.Context())
		if err = c.odd(err); err == nil {
			err = f(r, p)
		}
		if err != nil {
			c.fail(w, r, err)
			return
		}
		c.write(w, http.StatusOK, p)
	}
}

// odd puts down what is damaged in the store. What came with it is shown all the same, so that one row
// does not keep everybody from work.
func (c *console) odd(err error) error {
	if errors.Is(err, abuse.ErrStoreDamaged) || errors.Is(err, abuse.ErrStoreVersion) {
		fmt.Fprintln(c.log, "review: a row is left out:", err)
		return nil
	}
	return err
}

func (c *console) write(w http.ResponseWriter, status int, p *page) {
	var b strings.Builder
	if err := c.pages.ExecuteTemplate(&b, p.Name, p); err != nil {
		fmt.Fprintln(c.log, "review: a page could not be made:", err)
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, b.String())
}

// form does what f does, if the form is one of this console's own, and goes where f says.
func (c *console) form(f func(*http.Request, visitor) (to string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		v := c.visitor(nil, r)
		if err := r.ParseForm(); err != nil || v.session == "" || !hmac.Equal([]byte(r.PostForm.Get("token")), []byte(v.Token)) {
			c.fail(w, r, errForm)
			return
		}
		to, err := f(r, v)
		if err != nil {
			c.fail(w, r, err)
			return
		}
		if name := r.PostForm.Get("person"); to != "" && r.URL.Path == "/person" {
			setCookie(w, personCookie, base64.RawURLEncoding.EncodeToString([]byte(name)))
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

var (
	errForm   = errors.New("the form is not this console's own, or older than it: go back, load the page again")
	errNobody = errors.New("say first who you are")
)

// fail says what went wrong, and never what was given.
func (c *console) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusInternalServerError, "Something failed here; the log has what."
	var bad *abuse.Error
	switch {
	case errors.Is(err, errForm):
		status, text = http.StatusForbidden, err.Error()
	case errors.Is(err, cases.ErrNoCase):
		status, text = http.StatusNotFound, "There is no such case."
	case errors.Is(err, cases.ErrClaimed), errors.Is(err, cases.ErrClosed), errors.Is(err, cases.ErrMoved):
		status, text = http.StatusConflict, strings.TrimPrefix(err.Error(), "cases: ")
	case errors.As(err, &bad):
		status, text = http.StatusUnprocessableEntity, strings.TrimPrefix(bad.Error(), "abuse: ")
	case errors.Is(err, errNobody):
		status, text = http.StatusUnprocessableEntity, err.Error()
	case errors.Is(err, context.Canceled):
		return
	default:
		fmt.Fprintln(c.log, "review:", err)
	}
	c.write(w, status, &page{Name: "problem", Title: "That did not work", Visitor: c.visitor(nil, r), Problem: text, Back: "/queue"})
}

// liveFigures are the figures at the top of each page, for its script.
func (c *console) liveFigures(w http.ResponseWriter, r *http.Request) {
	f, err := c.office.figures(r.Context())
	if err := c.odd(err); err != nil {
		c.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(f)
}
