import { View } from '../parts/frame'

export function Login() {
  return <View title="Login">{null}</View>
}
