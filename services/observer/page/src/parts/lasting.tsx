// Never again: the rule that a rejection becomes, as a diff of config/policy.yml, before anybody writes it.
import { useEffect, useState } from 'preact/hooks'
import { url, type Problem, type ProposalDetail, type RejectionRule } from '../api'
import { useLoaded } from '../loaded'
import { UntrustedBlock, visible } from '../text'

const TYPED_MS = 400

export interface Lasting {
  rule: RejectionRule | null
  problem: Problem | null
}

/** The rule for this reason; null until it is known, and while somebody types. */
export function useLasting(p: ProposalDetail, reason: string): Lasting {
  const [asked, setAsked] = useState('')
  useEffect(() => {
    const timer = window.setTimeout(() => setAsked(reason), TYPED_MS)
    return () => window.clearTimeout(timer)
  }, [reason])
  const path = asked ? url(`proposals/${encodeURIComponent(p.id)}/rejection-rule`, { reason: asked }) : null
  const loaded = useLoaded<RejectionRule>(path)
  const fresh = asked === reason && reason !== ''
  return { rule: fresh ? loaded.data : null, problem: fresh ? loaded.problem : null }
}

export const lastingLabel = (p: ProposalDetail) =>
  `Never ${p.action === 'notify' ? 'tell me of this' : 'propose this'} again for this ${p.service ? 'service' : 'node'}`

export function LastingRule({ p, lasting: { rule, problem } }: { p: ProposalDetail; lasting: Lasting }) {
  if (problem) return <p class="trouble">{visible(problem.message)}</p>
  if (!rule) return <p class="hint">Say why, and the rule is shown here.</p>
  return (
    <div class="lasting">
      <UntrustedBlock label="What is written to config/policy.yml" text={rule.diff} open />
      {rule.writable ? (
        <p class="hint">To take it back later, take the rule out of config/policy.yml.</p>
      ) : (
        <p class="trouble">
          <span>
            The observer may not write there. On its host: <code>mend reject {p.id.slice(-12)} --always --reason TEXT</code>
          </span>
        </p>
      )}
    </div>
  )
}
