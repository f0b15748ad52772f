import { View } from '../parts/frame'

export function Audit() {
  return <View title="Audit">{null}</View>
}
