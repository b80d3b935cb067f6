package watch

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/hueandcry/hueandcry/linkage"
)

const instrumentation = "github.com/hueandcry/hueandcry/abuse/watch"

// telemetry is an [Observe] that is ready: nothing in it is nil.
type telemetry struct {
	log    *slog.Logger
	tracer trace.Tracer
	alarms func(Alarm)
	link   uuid.UUID
	base   []attribute.KeyValue // of all measures
	set    metric.MeasurementOption

	identifiers, refused, records, bytes, batches    metric.Int64Counter
	decisions, events, unreadable, alarmed, rechecks metric.Int64Counter
	evaluateTime, checkTime, advanceTime, commitTime metric.Float64Histogram
	followers                                        metric.Int64UpDownCounter
	budgetLeft, outboxSize                           metric.Int64Gauge
	feedLag                                          metric.Float64Gauge
}

// telemetry makes what the names in the package comment stand for. Instruments that a provider
// refuses are its own no-ops: measuring never stops the work.
func (o Observe) telemetry(link uuid.UUID, role linkage.Role) *telemetry {
	t := &telemetry{log: o.Log, alarms: o.Alarm, link: link}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.alarms == nil {
		t.alarms = func(Alarm) {}
	}
	if o.Tracer == nil {
		o.Tracer = tracenoop.NewTracerProvider()
	}
	if o.Meter == nil {
		o.Meter = metricnoop.NewMeterProvider()
	}
	t.tracer = o.Tracer.Tracer(instrumentation)
	t.base = []attribute.KeyValue{attribute.String("hueandcry.link", link.String()), attribute.String("hueandcry.role", role.String())}
	t.set = metric.WithAttributeSet(attribute.NewSet(t.base...))
	t.log = t.log.With(slog.String("hueandcry.link", link.String()), slog.String("hueandcry.role", role.String()))
	m := o.Meter.Meter(instrumentation)
	for _, c := range []struct {
		to               *metric.Int64Counter
		name, unit, what string
	}{
		{&t.identifiers, "hueandcry.evaluate.identifiers", "{identifier}", "Blinded identifiers evaluated or asked for."},
		{&t.refused, "hueandcry.evaluate.refused", "{request}", "Requests refused, by problem."},
		{&t.records, "hueandcry.feed.records", "{record}", "Feed records published or taken in, by operation."},
		{&t.bytes, "hueandcry.feed.bytes", "By", "Bytes of batches published or taken in."},
		{&t.batches, "hueandcry.feed.batches", "{batch}", "Batches published or taken in."},
		{&t.decisions, "hueandcry.decisions", "{decision}", "Decisions, by action."},
		{&t.events, "hueandcry.events", "{event}", "Changes handed on, by change."},
		{&t.unreadable, "hueandcry.unreadable", "{record}", "Records that match and do not open."},
		{&t.alarmed, "hueandcry.alarms", "{alarm}", "Alarms, by kind."},
		{&t.rechecks, "hueandcry.rechecks", "{check}", "Checks that were owed and have been done."},
	} {
		*c.to, _ = m.Int64Counter(c.name, metric.WithUnit(c.unit), metric.WithDescription(c.what))
	}
	for _, h := range []struct {
		to         *metric.Float64Histogram
		name, what string
	}{
		{&t.evaluateTime, "hueandcry.evaluate.duration", "What an evaluation takes here."},
		{&t.checkTime, "hueandcry.check.duration", "What a check takes, by outcome."},
		{&t.advanceTime, "hueandcry.advance.duration", "What the intake of a stretch takes."},
		{&t.commitTime, "hueandcry.commit.duration", "What a commit takes."},
	} {
		*h.to, _ = m.Float64Histogram(h.name, metric.WithUnit("s"), metric.WithDescription(h.what))
	}
	t.followers, _ = m.Int64UpDownCounter("hueandcry.followers", metric.WithUnit("{request}"), metric.WithDescription("Followers that wait."))
	t.budgetLeft, _ = m.Int64Gauge("hueandcry.budget.left", metric.WithDescription("What is left of a budget, by name."))
	t.outboxSize, _ = m.Int64Gauge("hueandcry.outbox.size", metric.WithUnit("{event}"), metric.WithDescription("Changes that are to be handed on."))
	t.feedLag, _ = m.Float64Gauge("hueandcry.feed.lag", metric.WithUnit("s"), metric.WithDescription("Age of the last batch taken in."))
	return t
}

// with gives the attributes of all measures and one more. The value is one of a closed list.
func (t *telemetry) with(key, value string) metric.MeasurementOption {
	all := append(t.base[:len(t.base):len(t.base)], attribute.String(key, value))
	return metric.WithAttributeSet(attribute.NewSet(all...))
}

// span begins a span; the caller ends it.
func (t *telemetry) span(ctx context.Context, name string) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, name, trace.WithAttributes(t.base...))
}

// since records seconds since a moment by the process's own clock.
func (t *telemetry) since(ctx context.Context, h metric.Float64Histogram, start time.Time, o metric.MeasurementOption) {
	h.Record(ctx, time.Since(start).Seconds(), o)
}

// alarm tells the caller, the log and the counter.
func (t *telemetry) alarm(ctx context.Context, kind AlarmKind, at time.Time, detail int64) {
	t.alarmed.Add(ctx, 1, t.with("kind", string(kind)))
	t.log.WarnContext(ctx, "hueandcry.alarm", slog.String("kind", string(kind)), slog.Int64("detail", detail))
	t.alarms(Alarm{Kind: kind, Link: t.link, At: at, Detail: detail})
}
