! Heat conduction in a rod whose material changes with temperature. A network replaces the material law: it predicts
! the conductivity k(T) in every cell and step.
!
!   heat MODEL [CELLS [STEPS]]
!
! The rod has T = 1 at the left end and T = 0 at the right. Explicit finite volumes:
!   T_i' = T_i + dt/dx^2 (k_right (T_{i+1} - T_i) - k_left (T_i - T_{i-1})).
! It prints the temperature in the middle, and how far the network's conductivity is from the law that made its
! training data (make_data.awk): k = 0.2 + T^2.
program heat
  use lockstep
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none
  type(network) :: conductivity
  type(failure) :: error
  character(len=4096) :: word
  real(real64), allocatable :: temperature(:, :), k(:, :), flux(:)
  real(real64) :: dx, dt
  integer :: cells, steps, step

  cells = 100
  steps = 2000
  if (command_argument_count() < 1) error stop "heat MODEL [CELLS [STEPS]]"
  if (command_argument_count() > 1) then
    call get_command_argument(2, word)
    read (word, *) cells
  end if
  if (command_argument_count() > 2) then
    call get_command_argument(3, word)
    read (word, *) steps
  end if
  call get_command_argument(1, word)
  call conductivity%read(word, error)
  if (error%failed) then
    print '(a)', trim(error%message)
    error stop 1
  end if

  allocate (temperature(1, 0:cells + 1), k(1, 0:cells + 1), flux(0:cells))
  dx = 1.0_real64/cells
  dt = 0.3_real64*dx**2
  temperature = 0
  temperature(1, 0) = 1
  do step = 1, steps
    call conductivity%predict(temperature, k)
    flux = 0.5_real64*(k(1, 0:cells) + k(1, 1:cells + 1))*(temperature(1, 1:cells + 1) - temperature(1, 0:cells))
    temperature(1, 1:cells) = temperature(1, 1:cells) + dt/dx**2*(flux(1:cells) - flux(0:cells - 1))
  end do
  call conductivity%predict(temperature, k)
  print '(a,f8.5)', "temperature in the middle: ", temperature(1, cells/2)
  print '(a,f8.5)', "largest error of the conductivity: ", maxval(abs(k(1, :) - 0.2_real64 - temperature(1, :)**2))
end program
