"""The reference's prose, in the order of its sections, and `reference()` that joins it all."""

from collections.abc import Iterator

from cli.reference import tables
from cli.reference.tables import fields, heading
from functions.core import campaign, conditions
from functions.core.content import MAX_VALUE

_HEAD = """\
<!-- Written by `softask reference > docs/campaigns.md`; the words are in cli/reference/. -->
# Campaign files

A campaign is one YAML file in `campaigns/`; what holds for all of them is
`campaigns/settings.yaml`. `softask validate FILE` names the file, the line and the mend of every
error: an unknown key, operator or type is one. `campaigns/examples/` holds seven campaigns to
start from; files there are not served."""

_EXAMPLE = """\
## An example with every part

```yaml
id: order-news                         # never changes; decisions and reports go by it
kind: push                             # it asks for push permission; popup: for something else
status: active                         # draft, active, paused or ended
priority: 100                          # the highest wins where several campaigns match one event
rollout: 50                            # percent of users; raising it keeps those already in
schedule: {starts_at: "2026-11-01", ends_at: "2027-03-01T00:00:00Z"}
trigger:                               # when: any of these events, unless …
  any:
    - event: OrderCompleted
      where: {property: total, gte: 20}
      every: 2                         # every 2nd such order; or  on: [1, 3];  per: session
    - event: SessionStarted
      after: 5m                        # five minutes into the session, in the foreground
  unless:
    - {event: CrashReported, within: 1d}
  max_age: 60s                         # what arrives later counts, and shows nothing
audience:                              # who: all, any and none nest at will
  all:
    - {attribute: push_permission_status, is: unknown}
    - {attribute: session_count, gte: 3, default: 0}
    - {device: app_version, version_gte: "4.2"}
    - {event: OrderCompleted, count: {gte: 2}, within: 90d}
    - none:
        - {campaign: rate-the-app, last: {within: 7d}}
permission: {fallback_to_settings: false}
attempts:                              # how often: two asks, ever
  - {content: first}
  - content: retry
    wait: {declined: 14d, dismissed: 7d}
    since: {event: OrderCompleted, at_least: 1}
dismissed: {as: declined}              # or  {wait: 3d, at_most: 2}: the same attempt again
caps:
  - {at_most: 1, per: session}
offer: {lease: 10m}                    # how long it waits to be shown
action:
  deeplink:
    default: yourapp://popup/order-news
    ios: yourapp://popup/order-news?style=sheet
content:
  first:
    en:
      title: 'Shall we keep you posted, {{ first_name | default: "dear guest" }}?'
      body: We tell you when your order leaves and when it arrives. Nothing else.
      approve: Yes, notify me
      decline: Not now
      extras: {image: "https://static.example.com/parcel.png"}
    de:
      title: Auf dem Laufenden bleiben?
      body: Wir melden uns, wenn Ihre Bestellung unterwegs ist und wenn sie ankommt.
      approve: Ja, bitte melden
      decline: Jetzt nicht
  retry:
    en:
      title: Know when it rings
      body: Allow notifications, and you need not look your order up.
      approve: Yes, notify me
      decline: Not now
  retry-short:
    en: {title: Know when it rings, body: We tell you once., approve: "Yes, notify me"}
outcomes: {shown: PushSoftAskShown, declined: PushSoftAskDeclined}
experiment:
  salt: winter
  arms: {soft_ask: 80, holdout: 10, direct_prompt: 10}
  variants:
    plain: 50
    short: {weight: 50, content: {retry: retry-short}}
goal: {event: SessionStarted, where: {property: source, is: push}}
```"""

_KEYS = """\
Values that go by a name here: a *duration* is a whole number with `s`, `m`, `h` or `d` (`14d`; a
day is 24 hours); a *time* is ISO 8601 (`"2026-11-21"`, which is midnight UTC, or
`"2026-11-21T10:00:00Z"`); an *id* is of lower-case letters, digits and hyphens. A dash stands
for no default: the key is then absent.

A `draft` is seen by the settings' `test_users` alone. `paused` and `ended` show nothing to
anybody and take back what was offered and not shown yet; outcomes are recorded all the same. Of
campaigns with one `priority`, the first by id wins."""

_ORDER = """\
## What is asked before a popup is offered

In this order; the first that fails is the [reason](#reasons) that the decision carries."""

_TRIGGER = """\
An event counts and shows nothing (`stale_trigger`) if it was older than `max_age` when it
arrived, which only `sentAt` can tell, or was sent from the background. `every` and `on` count
the events that meet `where`, from when any campaign first referred to them on. With `after`, the
offer is made at once and the app waits; a user who leaves earlier has spent nothing. An event
under `unless` also takes back an offer that was not shown yet.

```yaml
trigger:
  any:
    - {event: LessonCompleted, on: [3, 4, 5], per: session}
  unless:
    - {event: PaymentFailed, where: {property: amount, gt: 0}, within: 1d}
```"""

_WHERE = """\
A condition on the event's own properties: `property` with one [operator](#operators), or `all`,
`any`, `none` of such. Properties are judged once, when the event happens, so `before` and
`after` take times, and `within` and `within_next` are refused."""

_WHERE_EXAMPLE = """\
```yaml
trigger:
  any:
    - event: OrderCompleted
      where:
        all:
          - {property: total, between: [20, 500]}
          - {property: currency, in: [EUR, CHF], default: EUR}
```"""

_AUDIENCE = """\
A condition says exactly one subject. Without an audience, the campaign is for everyone whom the
[permission](#permission) lets through."""

_SUBJECTS = """\
The fields of a `device` are
{fields}.
`language` is the locale's first part. Letter case plays no part in platform, locale, language and
country. Only `os_version` and `app_version` take `version_…`.

`push_permission_status` takes `is`, `is_not`, `in` and `not_in` with `unknown`, `granted` and
`denied`. It is never absent: never asked reads as `unknown`, and so do provisional and, on Android,
`denied` with `everAsked: false`.

`push_softask_declined_at` is the latest decline that is known, told by the app or heard by a push
campaign; it takes `exists`, `before`, `after` and `within`.

`percent` takes the campaign's id as `salt` if none is said. Raising it keeps those already in."""

_OPERATORS = """\
### Operators

A condition on an attribute, a device, `days_since` or a property says exactly one of them, and
perhaps a `default`. **Absent** is what was never set (or was set to null), where neither the
condition nor the settings say a default: not zero, not false, not empty. **Another type** is a
value that cannot be compared: `"3"` is no number, `true` is no number; 3 and 3.0 are one. A
default of another type, and a default beside `exists`, are errors of the file.

{table}

Versions are compared number by number (`4.2` is `4.2.0`, and `4.10` is later than `4.9`); a
pre-release (`4.2.0-beta.1`) comes before its release, and what follows a `+` plays no part.
Quote them: YAML reads `4.10` as a number. Times of attributes are ISO 8601 texts, or epoch
seconds or milliseconds. `before: 14d` begins to hold 14 days after the value, to the
millisecond; `within: 14d` ends to hold then."""

_COUNT = """\
### count

`count: 3` means exactly 3; or one of these:"""

_WINDOWS = """\
`within` counts the events of the last so long, `since` those from the newest event of that name
on; where that never happened, it holds only with `or_never: true` beside it. Both look at the last
{most} times of the event, which is all that is kept; a higher number is an error of the file.
History begins when any campaign, or the settings' `remember`, first refers to the event (and to its
`where`); so do the occurrences of `every` and `on`."""

_TIMES = """\
### first and last

Exactly one of `before` and `within`:"""

_EVENTS = """\
```yaml
audience:
  all:
    - event: OrderCompleted
      where: {property: total, gte: 20}
      count: {between: [3, 10]}
      within: 30d
    - {event: CrashReported, count: 0, within: 1d}
    - {event: LessonCompleted, count: {gte: 1}, since: PushSoftAskDeclined, or_never: true}
    - {event: SupportRequested, last: {before: 14d, or_never: true}}
    - {event: SessionStarted, first: {before: "2026-11-01"}}
    - {campaign: rate-the-app, count: {lte: 1}, within: 30d}
```"""

_PERMISSION = """\
Every device has its own permission, and its own budget of OS prompts. What "Yes" leads to comes
with the offer as `onApprove`; the app reads the native status once more at the tap."""

_TRUTH = """\
The audience still decides: with `{attribute: push_permission_status, is: unknown}` no row that
reads `denied` or `granted` is asked. A reinstalled app is a new device (row 1), while the user's
waits and caps hold; a permission that was revoked reads as denied (row 3; 11 or 12 on Android).
A campaign of `kind: popup` looks at none of it.

```yaml
permission: {fallback_to_settings: true}
```"""

_FREQUENCY = """\
## How often

Say either `attempts`, asks that differ, or `repeat`, one ask again and again. A popup counts
when it was shown. Only one is open at a time, over all campaigns and devices of a user; shown
and not answered for 24 hours is a dismissal, which counts from when it was shown. Attempts and
waits are each campaign's own: the settings' `caps` keep another one from asking right after it.

Once:

```yaml
attempts:
  - {content: first}
```

Every time that the event happens:

```yaml
repeat: {}
```

So many times with a gap, in OneSignal's way (the gap counts from when it was last shown):

```yaml
repeat: {gap: 14d, at_most: 9999}
```

Once a session, a day (the last 24 hours), a week (the last 7 days), or any span:

```yaml
repeat: {}
caps:
  - {at_most: 1, per: session}
```

```yaml
repeat: {}
caps:
  - {at_most: 1, per: day}
```

```yaml
repeat: {}
caps:
  - {at_most: 1, per: week}
  - {at_most: 3, within: 90d}
```

A wait of its own after a decline, a dismissal and a denied OS prompt:

```yaml
permission: {fallback_to_settings: true}
attempts:
  - {content: first}
  - {content: retry, wait: {declined: 14d, dismissed: 3d, denied: 90d}}
```"""

_ATTEMPTS = """\
The wait stands with the attempt that it precedes, and counts from the last answer; `declined`
also counts from the last decline, where a later ask was dismissed. `since` asks for value in
between; the event that triggers counts. A "Yes" whose OS prompt is still unanswered a day later
waits like a decline. A granted permission ends the asking on that device for as long as it lasts.
A decline is never shortened, whichever attempt, device or account of the phone it came from."""

_DISMISSED = """\
Say `as: declined`, or `wait` and `at_most` together: closed without an answer, the popup then
comes again after the wait, as the same attempt, and only the dismissal after `at_most` such is a
decline.

```yaml
dismissed: {wait: 3d, at_most: 2}
```"""

_CAPS = """\
Each says `per` or `within`. They count shows: here those of this campaign, in
[settings.yaml](#settingsyaml) those of all together. A session begins with the settings'
`session_event`."""

_OFFER = """\
An offer that is not shown within its lease lapses, and spends nothing. Until then the same
device gets the same offer again, and no other device gets any."""

_SCHEDULE = """\
```yaml
schedule: {starts_at: "2026-12-01", ends_at: "2026-12-24T18:00:00+01:00"}
```"""

_ACTION = """\
A deeplink has one of the settings' `schemes`; one of `https` also one of the `hosts`. Leave
`offerId` and `attempt` out of its query: the answer adds them. It never carries the user's id."""

_CONTENT = """\
`content` says by name, then by locale, what the popup shows. The device's locale is looked up
from its end: for `zh-Hant-TW`, `zh-Hant-TW`, `zh-Hant`, `zh`, then the settings'
`default_locale`, which every content has."""

_COPY = """\
A placeholder is `{{ first_name | default: "there" }}`, in this form alone, default included. It
places an attribute that is a text or a number, of at most {longest} characters, and only in
answers to a user who proved to be that user; all others read the default. No request can prove
that yet, so for now every answer does. `extras` come as they stand, without placeholders.

```yaml
content:
  first:
    en:
      title: 'Hello {{ first_name | default: "there" }}, shall we remind you?'
      body: Once a day, before your streak ends.
      approve: Yes, notify me
      extras: {layout: sheet, stars: 5}
    zh-Hant:
      title: 要收到提醒嗎
      body: 每天一次。
      approve: 好
      decline: 暫時不要
```"""

_OUTCOMES = """\
Names that the app tracks; each means one outcome. Give a campaign names of its own where the app
tells its popups apart by event rather than by `offerId`.

```yaml
outcomes: {shown: RatePopupShown, approved: RatePopupApproved, declined: RatePopupDeclined}
```"""

_ARMS = """\
All arms go through every rule, and a user counts as exposed at the moment at which the popup would
be offered: in the holdout nothing is (`held_out`), and in `direct_prompt` the answer's action is
`request_os_permission`. A user keeps the arm of that first moment, whatever the weights become;
whoever saw the popup is not held out afterwards. Where an edit leaves no room for the direct prompt
(`kind: popup`, `fallback_to_settings`), whoever was dealt it is shown the popup, and still counts
in that arm. An open offer of another arm than the user's is taken back.

```yaml
experiment: {salt: winter, arms: {soft_ask: 90, holdout: 10}}
```

The direct prompt is for devices whose OS prompt is left; a device that is led to its settings or
to an in-app opt-in is not exposed in that arm, while the others ask it. Keep such devices out by
the audience (`{attribute: push_permission_status, is: unknown}`), or the arms are not alike. What
the OS is answered there is the outcome, and spends the attempt."""

_VARIANTS = """\
Variants are dealt apart from the arms, to whoever is shown the popup. A bare weight shows the
contents as they stand, and so does a variant that was taken out of the file, to those who had it.

```yaml
experiment:
  salt: winter
  arms: {soft_ask: 100}
  variants:
    plain: 50
    warm: {weight: 50, content: {first: retry}}
```"""

_GOAL = """\
Each such event of an exposed user counts, in every arm alike, if it happened after the exposure.

```yaml
goal: {event: SessionStarted, where: {property: source, is: push}}
```"""

_SETTINGS = """\
What holds over all campaigns. `guard` is one more condition beside every audience. `defaults`
spare conditions their `default`. Test users see drafts, are in every rollout, and count in no
figure.

```yaml
# settings.yaml
default_locale: en
deeplinks: {schemes: [yourapp, https], hosts: [www.example.com]}
caps:
  - {at_most: 1, per: day}
guard:
  all:
    - {attribute: age, gte: 18}
    - {attribute: consent, is: true, default: false}
defaults: {session_count: 0}
test_users: [u-17]
remember:
  - OrderCompleted
  - {event: LessonCompleted, where: {property: score, gte: 90}, times: true}
```"""

_WARNINGS = """\
## Warnings

They come when a campaign is published, which they do not prevent.

- *{early}*
  The OS prompt is a budget, and who is asked before there is anything to be told of says no.
  `after`, `every` and `on` silence it.
- *{unrecorded}*
  A condition that looks back finds nothing yet: `count` is 0, `or_never` holds. Publish the
  settings' `remember` with the event some time before the campaign, where that matters.
- *{unheard_of}*
  Usually a slip of the pen; a campaign that is published later is heard of then.
- *{unseen}*
  The variants share what `soft_ask` gets, which is nobody.
- *{same}*
  The report compares them, and any difference between them is chance.
- *{prompted}*
  The arms would differ in whom they ask, and not only in how.
- *{alike}*
  Who is held out of one is held out of the other, so that neither is measured by itself.
- *{taken}*
  Both ask for push at one event, and the higher priority wins (of equals the first id).
- *{alone}*
  Give it another to be compared with, or leave `variants` out."""

_KINDS = (
    "early",
    "unrecorded",
    "unheard_of",
    "unseen",
    "same",
    "prompted",
    "alike",
    "taken",
    "alone",
)

_REASONS = """\
## Reasons

Every decision carries one of these words, in answers, logs, metrics and `softask explain`. The
vocabulary is closed."""


def reference() -> str:
    """The whole of `docs/campaigns.md`."""
    return "\n\n".join(_sections()) + "\n"


def _sections() -> Iterator[str]:
    yield from (_HEAD, _EXAMPLE)
    yield from (heading(campaign.CampaignFile, 2), fields(campaign.CampaignFile), _KEYS)
    yield from (_ORDER, tables.rules())
    yield from _trigger()
    yield from _audience()
    yield from (heading(campaign.PermissionRule, 2), _PERMISSION)
    yield from (fields(campaign.PermissionRule), tables.truth_table(), _TRUTH)
    yield from _frequency()
    yield from _showing()
    yield from (heading(campaign.Experiment, 2), fields(campaign.Experiment))
    yield from (heading(campaign.Arms), fields(campaign.Arms), _ARMS)
    yield from (heading(campaign.VariantRule), fields(campaign.VariantRule), _VARIANTS)
    yield from (heading(campaign.Goal, 2), fields(campaign.Goal), _GOAL)
    yield from _settings()
    yield _WARNINGS.format(**dict(zip(_KINDS, tables.warnings(), strict=True)))
    yield from (_REASONS, tables.reasons())


def _trigger() -> Iterator[str]:
    yield from (heading(campaign.Trigger, 2), fields(campaign.Trigger))
    yield from (heading(campaign.TriggerEvent), fields(campaign.TriggerEvent))
    yield from (heading(campaign.Unless), fields(campaign.Unless), _TRIGGER)
    yield from (heading(conditions.PropertyCondition), _WHERE, _WHERE_EXAMPLE)


def _audience() -> Iterator[str]:
    yield from (heading(conditions.Condition, 2), _AUDIENCE, tables.subjects())
    yield _SUBJECTS.format(fields=tables.device_fields())
    yield _OPERATORS.format(table=tables.operators())
    yield from (_COUNT, fields(conditions.CountTest))
    yield _WINDOWS.replace("{most}", str(campaign.MOST_TIMES))
    yield from (_TIMES, fields(conditions.TimeTest), _EVENTS)


def _frequency() -> Iterator[str]:
    yield _FREQUENCY
    yield from (heading(campaign.AttemptRule), fields(campaign.AttemptRule), _ATTEMPTS)
    yield from (heading(campaign.Waits), fields(campaign.Waits))
    yield from (heading(campaign.Since), fields(campaign.Since))
    yield from (heading(campaign.Repeat), fields(campaign.Repeat))
    yield from (heading(campaign.DismissedRule), fields(campaign.DismissedRule), _DISMISSED)
    yield from (heading(campaign.Cap), fields(campaign.Cap), _CAPS)
    yield from (heading(campaign.OfferRule), fields(campaign.OfferRule), _OFFER)
    yield from (heading(campaign.Schedule), fields(campaign.Schedule), _SCHEDULE)


def _showing() -> Iterator[str]:
    yield from (heading(campaign.ActionRule, 2), fields(campaign.ActionRule), _ACTION)
    yield from (heading(campaign.Links), fields(campaign.Links))
    yield from (heading(campaign.Copy, 2), _CONTENT, fields(campaign.Copy))
    yield _COPY.replace("{longest}", str(MAX_VALUE))
    yield from (heading(campaign.OutcomeNames, 2), fields(campaign.OutcomeNames), _OUTCOMES)


def _settings() -> Iterator[str]:
    yield from (heading(campaign.SettingsFile, 2), _SETTINGS, fields(campaign.SettingsFile))
    yield from (heading(campaign.Deeplinks), fields(campaign.Deeplinks))
    yield from (heading(campaign.Remember), fields(campaign.Remember))
