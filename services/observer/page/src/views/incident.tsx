import { View } from '../parts/frame'

export function Incident() {
  return <View title="Incident">{null}</View>
}
