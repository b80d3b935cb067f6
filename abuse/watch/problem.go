package watch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Problem is why the partner did not do what it was asked for: the code at the end of the type
// of an RFC 9457 problem document, "urn:hueandcry:problem:" and one of these. It is an error,
// for errors.Is. No problem says anything about a subject.
type Problem string

// The problems.
const (
	BadRequest         Problem = "bad-request"         // malformed
	Unauthenticated    Problem = "unauthenticated"     // no client certificate
	Forbidden          Problem = "forbidden"           // a certificate of somebody else
	UnknownAgreement   Problem = "unknown-agreement"   // not of this handler
	NotFound           Problem = "not-found"           // no such resource
	BatchUnknown       Problem = "batch-unknown"       // not published yet
	EpochNotOpen       Problem = "epoch-not-open"      // too early
	EpochClosed        Problem = "epoch-closed"        // its keys are erased
	FeedEnded          Problem = "feed-ended"          // no such feed, or no more: enrol under the present epoch
	MethodNotAllowed   Problem = "method-not-allowed"  // another method
	RecordsUnsigned    Problem = "records-unsigned"    // sign the session records first
	RecordConflict     Problem = "record-conflict"     // not the record that is kept here
	BaseBusy           Problem = "base-busy"           // a base is being enrolled already
	TooLarge           Problem = "too-large"           // more than the agreement or the interface allows
	UnsupportedVersion Problem = "unsupported-version" // another version of the interface
	BadElement         Problem = "bad-element"         // not a group element
	BudgetExhausted    Problem = "budget-exhausted"    // the day's additions are used up
	Busy               Problem = "busy"                // too much at once
	Storage            Problem = "storage"             // the store does not work
	Internal           Problem = "internal"            // a fault of the partner
)

var problems = map[Problem]struct {
	status int
	title  string
}{
	BadRequest:         {http.StatusBadRequest, "The request is malformed."},
	Unauthenticated:    {http.StatusUnauthorized, "A client certificate is required."},
	Forbidden:          {http.StatusForbidden, "The certificate is not that of the party of the agreement."},
	UnknownAgreement:   {http.StatusNotFound, "There is no such agreement here."},
	NotFound:           {http.StatusNotFound, "There is nothing here."},
	BatchUnknown:       {http.StatusNotFound, "The feed has no such batch yet."},
	EpochNotOpen:       {http.StatusNotFound, "The epoch is not open yet."},
	EpochClosed:        {http.StatusGone, "The epoch is over."},
	FeedEnded:          {http.StatusGone, "There is no such feed any more."},
	MethodNotAllowed:   {http.StatusMethodNotAllowed, "The method is another."},
	RecordsUnsigned:    {http.StatusConflict, "Session records are waiting to be signed."},
	RecordConflict:     {http.StatusConflict, "The session record is not the one that is kept here."},
	BaseBusy:           {http.StatusConflict, "A base is being enrolled."},
	TooLarge:           {http.StatusRequestEntityTooLarge, "That is more than is allowed."},
	UnsupportedVersion: {http.StatusUnsupportedMediaType, "The version of the interface is another."},
	BadElement:         {http.StatusUnprocessableEntity, "An element is not one of the group."},
	BudgetExhausted:    {http.StatusTooManyRequests, "The budget of the agreement is used up."},
	Busy:               {http.StatusServiceUnavailable, "There is too much to do."},
	Storage:            {http.StatusServiceUnavailable, "The store does not work."},
	Internal:           {http.StatusInternalServerError, "An internal fault."},
}

const problemPrefix = "urn:hueandcry:problem:"

// Error gives the code.
func (p Problem) Error() string { return "watch: " + string(p) }

// RemoteError is a problem that the partner has told. Nothing else that the partner sent is in it.
type RemoteError struct {
	Status     int           // of HTTP
	Problem    Problem       // "" if the partner gave none that is known
	RetryAfter time.Duration // zero: it did not say
}

// Error gives status and problem.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("watch: the partner answers %d %s", e.Status, string(e.Problem))
}

// Unwrap gives the problem.
func (e *RemoteError) Unwrap() error {
	if e.Problem == "" {
		return nil
	}
	return e.Problem
}

// problemBody is the document. It has no detail and no instance: those would say of whom.
type problemBody struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
}

// maxProblem bounds the document that a client reads.
const maxProblem = 4 << 10

// write answers with the problem.
func (p Problem) write(w http.ResponseWriter, retryAfter time.Duration) {
	known, ok := problems[p]
	if !ok {
		p, known = Internal, problems[Internal]
	}
	body, _ := json.Marshal(problemBody{problemPrefix + string(p), known.title, known.status}) // cannot fail: two texts and a number
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((retryAfter+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(known.status)
	_, _ = w.Write(body) // a client that is gone does not read it
}
