package linkage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// State is the key of a bulk enrolment, opened: with it the transmitter can make records about
// any identifier for the rest of the epoch, without the receiver, as it can at any time
// under "ec". What the receiver enrolled is not in it. It can be used by many goroutines at
// once, as far as the file can. It does not print what it holds; the zero value cannot be
// used.
type State struct {
	of func() *openState // behind a function, so that no dump of the value shows a key
}

type openState struct {
	*publisher
	file *stateReader
}

// OpenState reads the head of what [Config.State] was written to: some 200 bytes for each
// million of identifiers, and from then on four or five kibibytes for an identifier. It
// needs the configuration of the session, with its Key, agreement and a time in its epoch. An
// error is an [*Error]: [ErrState] for a file that is damaged, and, which it says, for one of
// another key, agreement or epoch, or of a session that did not end, [ErrVersion] for one of a later version.
func OpenState(cfg Config, from io.ReaderAt) (*State, error) {
	cfg, epoch, err := cfg.prepare(Transmitter)
	if err != nil {
		return nil, err
	}
	p := &publisher{session: newSession(cfg, Transmitter, epoch)}
	if err := cfg.needsKey(); err != nil {
		return nil, failure(context.Background(), roundSetup, err)
	}
	file, err := newStateReader(from, cfg.Key, &p.scope)
	if err != nil {
		return nil, failure(context.Background(), roundSetup, stateFailure(err))
	}
	o := &openState{p, file}
	return &State{of: func() *openState { return o }}, nil
}

// Identifiers is how many the receiver enrolled.
func (s *State) Identifiers() int64 { return s.of().file.layout.Items() }

// Generation is what the receiver enrolled under.
func (s *State) Generation() GenerationID {
	o := s.of()
	return baseGeneration(&o.scope, &o.file.coin)
}

// Record makes the record of a signal about one of its identifiers, which is the nth
// signal about that identifier, counted from 0: byte for byte what a session would have
// sent. A receiver that enrolled the identifier, and keeps what it learned, could find it; to any
// other it is noise. To go on with a receiver that has called [Enrol], see [Sealer]. It does not look at the signal's Identifiers.
//
// It is for purposes that nobody can opt out of: under any other it gives an [*Error] with [ErrInput], and
// [State.RecordFor] is for all.
//
// Kinds outside the agreement give a [*KindError]; a label that is too long, or an nth beyond
// the agreement's SignalsPerIdentifier, an [*Error] with [ErrLimit]; a file that was
// changed meanwhile one with [ErrState].
func (s *State) Record(id hashing.Identifier, nth int, signal Flagged) ([]byte, error) {
	if err := s.of().anonymous(); err != nil {
		return nil, err
	}
	return s.record(id, nth, signal)
}

// RecordFor is Record, but the opt-out register is asked about the signal's Ref first where the purpose is
// one that users can opt out of: an [*Error] with [ErrInput] and [ErrOptedOut] says that its user has.
func (s *State) RecordFor(ctx context.Context, id hashing.Identifier, nth int, signal Flagged) ([]byte, error) {
	if err := s.of().allowed(ctx, signal.Ref); err != nil {
		return nil, err
	}
	return s.record(id, nth, signal)
}

func (s *State) record(id hashing.Identifier, nth int, signal Flagged) ([]byte, error) {
	o := s.of()
	terms := o.cfg.Agreement
	if id.IsZero() || nth < 0 || signal.ID == uuid.Nil {
		return nil, &Error{Code: ErrInput, cause: errors.New("a zero identifier, a signal before the first, or one without ID")}
	}
	if err := terms.Admits(id.Kind()); err != nil {
		return nil, err
	}
	if err := errors.Join(
		limit("LabelBytes", int64(len(signal.Label)), int64(terms.LabelBytes)),
		limit("SignalsPerIdentifier", int64(nth)+1, terms.Limits.SignalsPerIdentifier)); err != nil {
		return nil, err
	}
	f, err := o.file.evaluate(id.Digest(o.digest))
	if err != nil {
		return nil, stateFailure(err)
	}
	return o.record(&f, uint32(nth), &signal), nil
}

// stateFailure is the error for what went wrong with a state file: its content, or its disk.
func stateFailure(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	return &Error{Code: ErrInput, cause: fmt.Errorf("State: %w", err)}
}

// Format prints the type and nothing of the content, whatever the verb.
func (s *State) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "linkage.State") }

// LogValue logs the same.
func (s *State) LogValue() slog.Value { return slog.StringValue("linkage.State") }
