/**
 * Holds the shapes that this console is written with against those of the server's document
 * (`schema.ts`, generated). Nothing here runs: a difference fails the type check.
 */
import type * as ours from './index'
import type { components } from './schema'

type Server = components['schemas']

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false

/** A shape without its words: which fields there are, and whether they hold text, numbers or more of them. */
type Shape<T> = unknown extends T
  ? unknown
  : T extends string
    ? string
    : T extends readonly (infer U)[]
      ? Shape<U>[]
      : T extends object
        ? { [K in keyof T]-?: Shape<NonNullable<T[K]>> }
        : T

/** Everything we read is sent, in the shape in which we read it. More may be sent. */
type Reads<Theirs, Ours> = [Shape<Theirs>] extends [Shape<Ours>] ? true : { differs: Difference<Theirs, Ours> }
/** For whoever has to find the difference: the fields at fault. */
type Difference<Theirs, Ours> = {
  [K in keyof Ours]: K extends keyof Theirs
    ? [Shape<NonNullable<Theirs[K]>>] extends [Shape<NonNullable<Ours[K]>>]
      ? never
      : K
    : K
}[keyof Ours]

/** For tagged unions: every kind that both know, read or written. */
type Kinds = { type: string }
type ReadsEach<Theirs extends Kinds, Ours extends Kinds> = {
  [K in Ours['type']]: Reads<Extract<Theirs, { type: K }>, Extract<Ours, { type: K }>>
}[Ours['type']]

type Holds<T extends true> = T

export type Words = [
  Holds<Same<Server['Role'], ours.Role>>,
  Holds<Same<Server['Channel'], ours.Channel>>,
  Holds<Same<Server['ContactState'], ours.ContactState>>,
  Holds<Same<Server['Outcome'], ours.Outcome>>,
  Holds<Same<Server['AgentState'], ours.AgentState>>,
  Holds<Same<Server['AwayReason'], ours.AwayReason>>,
  Holds<Same<Server['Inquirer'], ours.Inquirer>>,
  Holds<Same<Server['Sender'], ours.Sender>>,
  Holds<Same<Server['EndedBy'], ours.EndedBy>>,
  Holds<Same<Server['TicketStatus'], ours.TicketStatus>>,
  // The document cannot write an empty word: `none` stands there for ''.
  Holds<Same<Exclude<Server['TicketResult'], 'none'>, Exclude<ours.TicketResult, ''>>>,
  Holds<Same<Server['Urgency'], ours.Urgency>>,
  Holds<Same<Server['Ring'], ours.Ring>>,
  Holds<Same<Server['Rule'], ours.Rule>>,
  Holds<Same<Server['OfferEnd'], ours.OfferEnd>>,
  Holds<Same<Server['RequeueReason'], ours.RequeueReason>>,
  Holds<Same<Server['DivertReason'], ours.DiversionReason>>,
  Holds<Same<Server['ByeReason'], ours.ByeReason>>,
  Holds<Same<Server['UiLanguage'], ours.UiLanguage>>,
  Holds<Same<Server['Stage'], ours.SignInStep>>,
  Holds<Same<Server['MatchReason'], ours.EarlierTicket['reasons'][number]>>,
  Holds<Same<Server['DayKind'], ours.DayKind>>,
  Holds<Same<Server['LawKind'], ours.LawDay['kind']>>,
  Holds<Same<Server['Figure'], ours.Figure>>,
  Holds<Same<Server['Skill']['type'], ours.Skill['type']>>,
  Holds<Same<Server['Verdict']['type'], ours.Verdict['type']>>,
]

export type Socket = [
  Holds<Same<Server['Event']['type'], ours.Event['type']>>,
  // What follows for an agent is one of three shapes there and one loose shape here.
  Holds<ReadsEach<Server['Event'], Exclude<ours.Event, { type: 'agent_state' }>>>,
  Holds<Same<Server['ServerEvent']['type'] | 'call_changed', ours.ServerEvent['type']>>,
  Holds<ReadsEach<Server['ServerEvent'], Exclude<ours.ServerEvent, { type: 'event' | 'welcome' | 'call_changed' }>>>,
  // `hello` and `ping` are the connection's own (`socket.ts`).
  Holds<Same<Exclude<Server['ClientCommand']['type'], 'hello' | 'ping'>, ours.ClientCommand['type']>>,
  Holds<ReadsEach<ours.ClientCommand, Extract<Server['ClientCommand'], { type: ours.ClientCommand['type'] }>>>,
]

export type Answers = [
  Holds<Reads<Omit<Server['Board'], 'agents'>, Omit<ours.Board, 'agents'>>>,
  Holds<Reads<Server['Figures'], ours.BoardFigures>>,
  Holds<Reads<Server['DayContact'], ours.DayContact>>,
  Holds<Reads<Server['Directory'], ours.Directory>>,
  Holds<Reads<Server['SessionView'], ours.SessionView>>,
  Holds<Reads<Server['Message'], ours.Message>>,
  Holds<Reads<Server['ProblemBody'], ours.ProblemBody>>,
  Holds<Reads<Server['Ticket'], ours.Ticket>>,
  Holds<Reads<Server['TicketRow'], ours.TicketRow>>,
  Holds<Reads<Server['TicketPage'], ours.TicketPage>>,
  Holds<Reads<Server['EarlierTicket'], ours.EarlierTicket>>,
  Holds<Reads<Server['CannedText'], ours.CannedText>>,
  Holds<Same<Server['TimelineItem']['kind'], ours.TimelineItem['kind']>>,
  Holds<Reads<ours.TicketFields, Omit<Server['Fields'], 'desk' | 'reply_waiting'>>>,
  Holds<Reads<ours.NewText, Server['NewText']>>,
]

export type Administration = [
  // Settings hold open tables (texts, priorities), which have no fixed fields to compare.
  Holds<Reads<Omit<Server['AdminDesk'], 'settings'>, Omit<ours.AdminDesk, 'settings'>>>,
  Holds<Reads<Server['DayOverride'], ours.DayOverride>>,
  Holds<Reads<Server['LawDay'], ours.LawDay>>,
  Holds<Reads<Server['AdminTopic'], ours.AdminTopic>>,
  Holds<Reads<Server['AdminAccount'], ours.AdminAccount>>,
  Holds<Reads<Server['AccountPage'], ours.AccountPage>>,
  Holds<Reads<Server['AccountWithPassword'], ours.AccountWithPassword>>,
  Holds<Reads<Server['AdminSettings'], ours.AdminSettings>>,
  Holds<Reads<Server['AdminText'], ours.AdminText>>,
  Holds<Reads<Server['TrailPage'], ours.TrailPage>>,
  Holds<Reads<ours.AccountFields, Server['NewAccount']>>,
]
