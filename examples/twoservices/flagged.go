package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// flaggedColumns are the columns of the transmitter's file. Each row is one signal
// about the phone and the device in it; an account may have many. Any cell but
// account may be empty where it is not known, and then claims the least:
//
//	account      the service's own reference; it is not sent
//	phone        a number in any spelling
//	region       country of a number that is written nationally
//	device_kind  imei, meid, advertising_id, vendor_id, android_id, install_id; also idfa, aaid, idfv, ssaid
//	device       the device's identifier
//	category     one of the fifteen of package abuse, such as scam_fraud; empty: other
//	class        confirmed or predictive; empty: predictive
//	confidence   0 to 100; empty: 0
//	severity     low, medium, high or critical; empty: low
//	observed_at  when the abuse was seen, a date for some time of that day; empty: unknown
//	reports      how many have reported it; empty: unknown
//
// Words may be in any letter case. A category may have '-' or a space for '_', and
// goes by a few other names as well: see [categoryAliases].
var flaggedColumns = []string{"account", "phone", "region", "device_kind", "device",
	"category", "class", "confidence", "severity", "observed_at", "reports"}

// categoryAliases are words of other lists for categories of ours.
var categoryAliases = map[string]string{
	"scam":                "scam_fraud",
	"fraud":               "scam_fraud",
	"malicious_link":      "phishing",
	"ncii":                "intimate_imagery", // non-consensual intimate imagery
	"automation_scraping": "scraping",
	"bulk_account":        "fake_account",
}

// parseCategory reads a category as people write it.
func parseCategory(text string) (abuse.Category, error) {
	name := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(text))
	if ours, ok := categoryAliases[name]; ok {
		name = ours
	}
	return abuse.ParseCategory(name)
}

// How long a signal says something. Numbers are given to the next customer after
// some months, and a signal that outlives that accuses him.
const (
	validity        = 180 * 24 * time.Hour // after it was observed
	undatedValidity = 30 * 24 * time.Hour  // after it was sent, where that is not known
)

// signals makes signals of the transmitter's rows.
type signals struct {
	origin string // the transmitter's name in the agreement
	now    time.Time
	ids    []byte // key of the signal ids
	most   int    // signals about one identifier

	about map[hashing.Identifier]int
	all   []linkage.Flagged
}

// readFlagged reads the transmitter's file to the end.
func readFlagged(in *intake, r io.Reader, p *party, now time.Time) ([]linkage.Flagged, error) {
	if err := in.begin(r, flaggedColumns); err != nil {
		return nil, err
	}
	s := &signals{
		origin: p.agreement.Transmitter.Name, now: now, ids: p.ids,
		most: int(p.agreement.Limits.SignalsPerIdentifier), about: map[hashing.Identifier]int{},
	}
	for {
		if err := in.next(); errors.Is(err, io.EOF) {
			return s.all, nil
		} else if err != nil {
			return nil, err
		}
		if err := s.read(in); err != nil {
			return nil, err
		}
	}
}

// read makes a signal of one row.
func (s *signals) read(in *intake) error {
	ref, reason := in.account()
	if reason != "" {
		return in.refuseRow("account", reason)
	}
	signal, column, reason := s.claim(in)
	if reason != "" {
		return in.refuseRow(column, reason)
	}
	label, err := signal.MarshalBinary()
	if err != nil {
		return in.refuseRow("row", badSignal)
	}
	phone, device, err := in.identifiers()
	if err != nil {
		return err
	}
	ids, err := s.room(in, phone, device)
	if err != nil || len(ids) == 0 {
		return err
	}
	s.all = append(s.all, linkage.Flagged{Ref: ref, Identifiers: ids, ID: signal.ID, Sequence: signal.Revision, Label: label})
	return nil
}

// room leaves out identifiers about which the agreement allows no further signal.
func (s *signals) room(in *intake, given ...hashing.Identifier) ([]hashing.Identifier, error) {
	var ids []hashing.Identifier
	surplus := 0
	for _, id := range given {
		if id.IsZero() {
			continue
		}
		if s.about[id] >= s.most {
			surplus++
			if err := in.refuse(id.Kind().String(), tooManySignals); err != nil {
				return nil, err
			}
			continue
		}
		s.about[id]++
		ids = append(ids, id)
	}
	if surplus > 0 && len(ids) == 0 {
		in.refusedRows++
	}
	return ids, nil
}

// claim reads what the row says, without about whom, or the column and reason for
// which it is refused.
func (s *signals) claim(in *intake) (signal abuse.Signal, column, reason string) {
	signal = abuse.Signal{
		ID: s.id(in.csv.line), Origin: s.origin,
		Category: abuse.Other, Class: abuse.Predictive, Severity: abuse.Low,
		Review:      abuse.ReviewNone, // the file does not say
		Permitted:   abuse.PermitDirect,
		ActionTaken: abuse.None,
		ValidUntil:  s.now.Add(undatedValidity),
	}
	var err error
	if text := in.cell("category"); text != "" {
		if signal.Category, err = parseCategory(text); err != nil {
			return signal, "category", badCategory
		}
	}
	if text := strings.ToLower(in.cell("class")); text != "" && signal.Class.UnmarshalText([]byte(text)) != nil {
		return signal, "class", badClass
	}
	if text := strings.ToLower(in.cell("severity")); text != "" && signal.Severity.UnmarshalText([]byte(text)) != nil {
		return signal, "severity", badSeverity
	}
	if text := in.cell("confidence"); text != "" {
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil || n > 100 {
			return signal, "confidence", badConfidence
		}
		signal.Confidence = int(n)
	}
	if text := in.cell("reports"); text != "" {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return signal, "reports", badReports
		}
		signal.Reports = uint32(n)
	}
	observed, dated, ok := parseTime(in.cell("observed_at"))
	if !ok || !observed.IsZero() && observed.Year() < 2000 {
		return signal, "observed_at", badTime // signals know no time before 2000
	}
	if !observed.IsZero() {
		observed = observed.Truncate(time.Second)
		signal.FirstObserved, signal.LastObserved = observed, observed
		if dated {
			signal.LastObserved = s.endOf(observed)
		}
		signal.ValidUntil = observed.Add(validity)
	}
	return signal, "", ""
}

// endOf gives the last second of a day at which something can have been seen.
func (s *signals) endOf(day time.Time) time.Time {
	end := day.Add(24*time.Hour - time.Second)
	if s.now.Before(end) {
		end = s.now
	}
	if end.Before(day) {
		return day // a day to come, which the guards of the receiver will find
	}
	return end
}

// id names the signal of a line: a UUID of version 7, whose time is that of the
// session. Who holds the identifier sees it, so that nothing of the signal goes into
// it; without the key it does not tell the line either.
//
// Here it comes from a key of the transmitter's, so that two runs can be compared. A
// real service draws each once, with uuid.NewV7, and keeps it with the signal.
func (s *signals) id(line int) uuid.UUID {
	mac := hmac.New(sha256.New, s.ids)
	_ = binary.Write(mac, binary.BigEndian, uint64(line)) // a hash never fails
	id := uuid.UUID(mac.Sum(nil)[:16])
	ms := uint64(s.now.UnixMilli())
	binary.BigEndian.PutUint16(id[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(id[2:], uint32(ms))
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}
