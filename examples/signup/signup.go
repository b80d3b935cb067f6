package main

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
)

// signup is what is posted to /signup.
type signup struct {
	Account    string `json:"account"`
	Phone      string `json:"phone"`
	Region     string `json:"region"` // of a number that is written nationally
	DeviceKind string `json:"device_kind"`
	Device     string `json:"device"`
	// Since, if it is known, is from when the person has had both: a carrier may say so of a number, and
	// an earlier install of a device. Else it is now, and what was reported before is taken to be
	// about somebody else.
	Since time.Time `json:"since,omitzero"`
}

// outcome is the answer, and all that whoever signs up may know. Whether anything matched, how much, by
// which rule, and whether the partner could be asked would tell somebody who tries numbers out which
// are known, and when to come. It is for the service's own people, who read it in the store.
type outcome struct {
	Account string `json:"account"`
	Action  string `json:"action"`
}

// serveSignup checks who signs up, decides and stores, and says what to do.
func (s *services) serveSignup(w http.ResponseWriter, r *http.Request) {
	var in signup
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil || in.Account == "" || len(in.Account) > 128 {
		http.Error(w, "a sign-up is {account, phone, region, device_kind, device}", http.StatusBadRequest)
		return
	}
	var ids []hashing.Identifier
	if in.Phone != "" {
		id, err := hashing.ParsePhone(in.Phone, in.Region)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity) // which never repeats the number
			return
		}
		ids = append(ids, id)
	}
	if in.Device != "" {
		kind, err := hashing.ParseKind(in.DeviceKind)
		if err != nil {
			http.Error(w, "device_kind is not a kind", http.StatusUnprocessableEntity)
			return
		}
		id, err := hashing.ParseDevice(kind, in.Device)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		ids = append(ids, id)
	}
	if now := time.Now(); in.Since.IsZero() || in.Since.After(now) {
		in.Since = now
	}
	s.accounts.put(in.Account, ids, in.Since)
	answer, err := s.receiver.Check(r.Context(), in.Account, ids)
	if err != nil {
		// Fail closed: the account is not let in until it has been checked. No error of the library
		// repeats an identifier.
		s.log.ErrorContext(r.Context(), "signup", "error", err.Error())
		w.Header().Set("Retry-After", "2")
		http.Error(w, "cannot be checked now", http.StatusServiceUnavailable)
		return
	}
	s.matched.Add(int64(min(answer.Matched, 1)))
	if answer.Pending {
		s.pending.Add(1)
	}
	out := outcome{Account: in.Account, Action: answer.Decision.Action.String()}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // a client that is gone does not read it
}
