package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// The roles that a process can play.
const (
	roleBoth        = "both"
	roleTransmitter = "transmitter"
	roleReceiver    = "receiver"
)

// options are the flags, checked.
type options struct {
	role            string
	listen, connect string

	cert, key, peerCA, agreement string
	makeCerts                    string
	protocol                     string // "": by the agreement file, or else by size

	flagged, accounts, decisions string

	region       string
	seed         uint64
	seeded       bool      // -seed was given
	now          time.Time // whole seconds, UTC
	json, strict bool

	size size // of the services that are made up; tests make them smaller
}

const intro = `twoservices runs two services that do not trust each other: a transmitter, who has
flagged accounts, and a receiver, who learns which of its own accounts are meant and
decides about them. Without flags it makes both up and shows what happens.

`

const outro = `
Files are CSV with a header; columns may come in any order, and cells that are not
known may be empty. Times are RFC 3339 or dates.

  flagged:  account phone region device_kind device category class confidence
            severity observed_at reports
  accounts: account phone region phone_since device_kind device device_since

  device_kind is imei, meid, advertising_id (or idfa, aaid), vendor_id (or idfv),
  android_id (or ssaid) or install_id. category, class and severity may be in any
  letter case. category is spam, phishing (or malicious_link), scam_fraud (or scam,
  fraud), malware, fake_account (or bulk_account), account_takeover, impersonation,
  harassment, platform_manipulation, child_safety, intimate_imagery (or ncii),
  terrorism, illegal_goods, scraping (or automation_scraping) or other, with '-' or
  a space for '_' if you like.

What cannot be used is refused and told on standard error, by line and reason and
never by content. Numbers that are reserved for fiction, such as 555-0100 to
555-0199, are refused in files too. The counts "accounts" and "flagged" of the
summary are of what was used: accounts with an identifier, and signals.

Exit status: 0 done, 1 failed, 2 wrong usage.
`

// parseFlags reads the command line. Errors are usage errors, in one line.
func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{size: fullSize}
	var now string
	f := flag.NewFlagSet("twoservices", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.role, "role", roleBoth, "`both`, transmitter or receiver")
	f.StringVar(&o.listen, "listen", "", "`address` the transmitter listens on")
	f.StringVar(&o.connect, "connect", "", "`address` of the transmitter, for the receiver")
	f.StringVar(&o.cert, "cert", "", "certificate of this party, PEM `file`; without it both parties are made\nfrom -seed, for demonstrations, on loopback addresses only")
	f.StringVar(&o.key, "key", "", "private key of the certificate, Ed25519, PEM `file`")
	f.StringVar(&o.peerCA, "peer-ca", "", "certificates that vouch for the other party, PEM `file`")
	f.StringVar(&o.agreement, "agreement", "", "agreement signed by both, JSON `file` (default agreement.json beside -cert)")
	f.StringVar(&o.makeCerts, "make-certs", "", "write certificates, keys and a signed agreement to `directory`, and stop")
	f.StringVar(&o.protocol, "protocol", "", fmt.Sprintf("how to enrol: `ec|vole`, the same for both parties; with -make-certs what the\nagreement is to say (default what the agreement says; without one ec, but\nvole for -role both from %d accounts on)", bulkFrom))
	f.StringVar(&o.flagged, "flagged", "", "flagged accounts of the transmitter, CSV `file`")
	f.StringVar(&o.accounts, "accounts", "", "accounts of the receiver, CSV `file`")
	f.StringVar(&o.decisions, "decisions", "", "`file` to write decisions to, one JSON object a line")
	f.StringVar(&o.region, "region", "", "`country` of phone numbers in files whose row has no region, such as US or GB;\nof no effect on made-up services")
	f.Uint64Var(&o.seed, "seed", 1, "`number` from which made-up services and demonstration keys come, and the ids\nof signals; with -cert these come from the key, unless a seed is given: a\npartner who knows it can tell from an id the line of the file")
	f.StringVar(&now, "now", "", "`time` of the session, RFC 3339 (default: the clock's, or a fixed one for\nmade-up services)")
	f.BoolVar(&o.json, "json", false, "print the summary as one JSON object")
	f.BoolVar(&o.strict, "strict", false, "stop at the first row or cell that is refused")

	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			f.SetOutput(stderr)
			fmt.Fprint(stderr, intro)
			f.PrintDefaults()
			fmt.Fprint(stderr, outro)
		}
		return nil, err
	}
	f.Visit(func(given *flag.Flag) { o.seeded = o.seeded || given.Name == "seed" })
	if f.NArg() > 0 {
		return nil, errors.New("there are only flags, no arguments; -help lists them")
	}
	if err := errors.Join(o.setNow(now), o.checkRole(), o.checkProtocol(), o.checkParty(), o.checkRegion()); err != nil {
		return nil, err
	}
	return o, nil
}

// made reports whether the services are made up.
func (o *options) made() bool { return o.flagged == "" && o.accounts == "" }

// demo reports whether the parties are made from the seed.
func (o *options) demo() bool { return o.cert == "" }

// setNow reads -now. Made-up services live at one fixed time, so that every run of
// a seed gives the same decisions.
func (o *options) setNow(text string) error {
	switch {
	case text != "":
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return errors.New("-now must be a time such as 2026-11-01T00:00:00Z")
		}
		o.now = t
	case o.made():
		o.now = madeNow
	default:
		o.now = time.Now()
	}
	o.now = o.now.UTC().Truncate(time.Second)
	return nil
}

// checkRole refuses flags that the role has no use for: whoever gives them
// expects something that would not happen.
func (o *options) checkRole() error {
	if o.makeCerts != "" {
		if o.cert+o.key+o.peerCA+o.agreement+o.listen+o.connect+o.flagged+o.accounts+o.decisions != "" {
			return errors.New("-make-certs stands alone")
		}
		return nil
	}
	switch o.role {
	case roleBoth:
		switch {
		case o.connect != "":
			return errors.New("-connect is for -role receiver")
		case (o.flagged == "") != (o.accounts == ""):
			return errors.New("-role both needs -flagged and -accounts, or neither")
		}
	case roleTransmitter:
		switch {
		case o.listen == "":
			return errors.New("-role transmitter needs -listen")
		case o.connect != "":
			return errors.New("-connect is for -role receiver")
		case o.accounts != "" || o.decisions != "":
			return errors.New("-accounts and -decisions are the receiver's")
		}
	case roleReceiver:
		switch {
		case o.connect == "":
			return errors.New("-role receiver needs -connect")
		case o.listen != "":
			return errors.New("-listen is for -role transmitter")
		case o.flagged != "":
			return errors.New("-flagged is the transmitter's")
		}
	default:
		return errors.New("-role must be both, transmitter or receiver")
	}
	return nil
}

func (o *options) checkProtocol() error {
	if o.protocol != "" && !slices.Contains(protocols, o.protocol) {
		return errors.New("-protocol must be " + strings.Join(protocols, " or "))
	}
	return nil
}

// checkParty sees that a process knows who it is. Parties made from a seed are
// anybody's who knows the seed, so they stay on this machine.
func (o *options) checkParty() error {
	given := 0
	for _, file := range []string{o.cert, o.key, o.peerCA} {
		if file != "" {
			given++
		}
	}
	switch {
	case given == 0 && o.agreement != "":
		return errors.New("-agreement needs -cert, -key and -peer-ca")
	case given == 0 && !loopback(o.listen+o.connect):
		return errors.New("without -cert only loopback addresses are served: the keys come from -seed")
	case given == 0:
		return nil
	case given < 3:
		return errors.New("-cert, -key and -peer-ca go together")
	case o.role == roleBoth:
		return errors.New("-cert is for one party: give -role transmitter or receiver")
	case o.agreement == "":
		o.agreement = filepath.Join(filepath.Dir(o.cert), agreementFile)
	}
	return nil
}

// loopback reports whether an address is of this machine, or empty.
func loopback(address string) bool {
	if address == "" {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (o *options) checkRegion() error {
	if o.region == "" {
		return nil
	}
	o.region = strings.ToUpper(o.region)
	if !phonenumbers.GetSupportedRegions()[o.region] {
		return errors.New("-region: there is no such region; it is two letters of ISO 3166, such as US or GB")
	}
	return nil
}
