import { View } from '../parts/frame'

export function Silences() {
  return <View title="Silences">{null}</View>
}
