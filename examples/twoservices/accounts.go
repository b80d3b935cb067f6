package main

import (
	"errors"
	"io"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// accountColumns are the columns of the receiver's file. Any cell but account may
// be empty where it is not known; rows of the same account add identifiers to it.
//
//	account       the service's own reference; no identifier
//	phone         a number in any spelling
//	region        country of a number that is written nationally
//	phone_since   when the account proved that it holds the number
//	device_kind   imei, meid, advertising_id, vendor_id, android_id, install_id; also idfa, aaid, idfv, ssaid
//	device        the device's identifier
//	device_since  when the app of the account first ran on the device
//
// A since that is a date means the end of that day, for the account may have been
// without the identifier until then; reports of the day are then about whoever had
// it before.
var accountColumns = []string{"account", "phone", "region", "phone_since", "device_kind", "device", "device_since"}

// holding is an identifier of an account.
type holding struct {
	id    hashing.Identifier
	since time.Time // zero: unknown
}

// accountBook is the receiver's accounts, in the order of the file.
type accountBook struct {
	refs    []string
	held    map[string][]holding
	holders map[hashing.Identifier]int // how many accounts hold an identifier
}

// readAccounts reads the receiver's file to the end.
func readAccounts(in *intake, r io.Reader) (*accountBook, error) {
	if err := in.begin(r, accountColumns); err != nil {
		return nil, err
	}
	book := &accountBook{held: map[string][]holding{}, holders: map[hashing.Identifier]int{}}
	for {
		if err := in.next(); errors.Is(err, io.EOF) {
			return book, nil
		} else if err != nil {
			return nil, err
		}
		if err := book.read(in); err != nil {
			return nil, err
		}
	}
}

// read takes one row into the book.
func (b *accountBook) read(in *intake) error {
	ref, reason := in.account()
	if reason != "" {
		return in.refuseRow("account", reason)
	}
	phoneSince, ok := parseSince(in.cell("phone_since"))
	if !ok {
		return in.refuseRow("phone_since", badTime)
	}
	deviceSince, ok := parseSince(in.cell("device_since"))
	if !ok {
		return in.refuseRow("device_since", badTime)
	}
	phone, device, err := in.identifiers()
	if err != nil {
		return err
	}
	b.add(ref, holding{phone, phoneSince})
	b.add(ref, holding{device, deviceSince})
	return nil
}

// parseSince reads since when something has been so.
func parseSince(text string) (time.Time, bool) {
	t, dated, ok := parseTime(text)
	if dated {
		t = t.Add(24*time.Hour - time.Second)
	}
	return t, ok
}

// add notes that an account holds an identifier. Of two times the later counts: it
// is the one at which the account is sure to have held it.
func (b *accountBook) add(ref string, h holding) {
	if h.id.IsZero() {
		return
	}
	held, known := b.held[ref]
	if !known {
		b.refs = append(b.refs, ref)
	}
	for i := range held {
		if held[i].id == h.id {
			if h.since.After(held[i].since) {
				held[i].since = h.since
			}
			return
		}
	}
	b.held[ref] = append(held, h)
	b.holders[h.id]++
}

// source gives the accounts as a session wants them.
func (b *accountBook) source() linkage.Source[linkage.Account] {
	return func(yield func(linkage.Account, error) bool) {
		for _, ref := range b.refs {
			a := linkage.Account{Ref: ref}
			for _, h := range b.held[ref] {
				a.Identifiers = append(a.Identifiers, h.id)
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}

// holdings gives what is known here about the identifiers of an account, one for
// each in the order in which source gives them, for a match names them by their
// place there. A number with a phone_since is one that the account has verified; of others that is not
// known.
func (b *accountBook) holdings(ref string) []abuse.Holding {
	var out []abuse.Holding
	for _, h := range b.held[ref] {
		known := abuse.Holding{Kind: h.id.Kind(), Since: h.since, Accounts: b.holders[h.id]}
		if !h.since.IsZero() {
			known.Verified = abuse.Yes
		}
		out = append(out, known)
	}
	return out
}
